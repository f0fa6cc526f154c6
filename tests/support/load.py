"""Load from many connections that notices every request without a complete answer.

Both clients send the next request as soon as one is answered and obey what the server says about the connection:
`connection: close` on HTTP/1.1, GOAWAY on HTTP/2. A request counts as lost when it was sent on an open connection and
no complete answer came, unless the server declared it unprocessed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

PAUSE_SECONDS = 0.02  # after a refused connection
GOAWAY = 7
PREFACE = 9  # bytes in front of each frame's payload
ANSWER_SECONDS = 65.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request and what its answer must contain."""

    path: str
    body: bytes
    expected: bytes
    """Found in the body of every correct answer: something only this call is answered with."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request."""

    call: Call
    sent_at: float
    """Monotonic seconds."""
    seconds: float
    status: int
    body: bytes

    @property
    def correct(self) -> bool:
        """Whether it is a success that belongs to this call."""
        return self.status == 200 and self.call.expected in self.body


@dataclass(slots=True)
class Load:
    """Everything seen so far."""

    calls: Sequence[Call]
    headers: dict[str, str]
    answers: list[Answer] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Requests without an answer, and why."""
    unprocessed: int = 0
    """Requests the server declared untouched, so that a client may repeat them."""
    refused: int = 0
    """Connections turned away."""
    connections: int = 0
    """Connections made."""
    open_connections: int = 0
    """Connections open right now."""
    goodbyes: Counter[str] = field(default_factory=Counter)
    """How connections ended, in the server's own words."""
    stopped: bool = False
    _turns: itertools.count[int] = field(default_factory=itertools.count)

    def next_call(self) -> Call:
        """Return the call whose turn it is."""
        return self.calls[next(self._turns) % len(self.calls)]

    def note(self, call: Call, sent_at: float, status: int, body: bytes) -> None:
        """Take an answer."""
        self.answers.append(Answer(call, sent_at, time.monotonic() - sent_at, status, body))

    def lose(self, call: Call, sent_at: float, why: str) -> None:
        """Take note of a request without an answer."""
        self.lost.append(f"{call.path} after {time.monotonic() - sent_at:.3f} s: {why}")

    def since(self, moment: float) -> list[Answer]:
        """Return the answers to what was sent after a moment."""
        return [answer for answer in self.answers if answer.sent_at >= moment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where load goes."""

    http1_port: int
    http2_port: int
    http1_connections: int
    http2_connections: int = 0
    streams: int = 4
    """Requests in flight per HTTP/2 connection."""
    pace_seconds: float = 0.0
    """Rest between the requests of an HTTP/1.1 connection."""
    tls: Callable[[str], ssl.SSLContext] | None = None
    """Makes the context of a connection that speaks this ALPN protocol; None for clear text."""


@asynccontextmanager
async def under_load(load: Load, target: Target) -> AsyncIterator[None]:
    """Load the target until the block ends; then let what is in flight finish."""
    clients: list[_Http1 | _Http2] = [
        *(_Http1(load, target.http1_port, target.tls, target.pace_seconds) for _ in range(target.http1_connections)),
        *(_Http2(load, target.http2_port, target.streams, target.tls) for _ in range(target.http2_connections)),
    ]
    tasks = [asyncio.create_task(_keep_going(client, load)) for client in clients]
    try:
        yield
        load.stopped = True
        async with asyncio.timeout(ANSWER_SECONDS):
            await asyncio.gather(*tasks)
    finally:
        load.stopped = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_going(client: _Http1 | _Http2, load: Load) -> None:
    while not load.stopped:
        try:
            await client.connect()
        except OSError:
            load.refused += 1
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        load.connections += 1
        load.open_connections += 1
        try:
            await client.run()
        finally:
            load.open_connections -= 1
            await client.close()


class _Connection:
    def __init__(self, port: int, tls: Callable[[str], ssl.SSLContext] | None, protocol: str) -> None:
        self._port = port
        self._tls = None if tls is None else tls(protocol)
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class _Http1:
    """One kept-alive connection, one request at a time."""

    def __init__(self, load: Load, port: int, tls: Callable[[str], ssl.SSLContext] | None, pace_seconds: float) -> None:
        self._load = load
        self._pace_seconds = pace_seconds
        self._connection = _Connection(port, tls, "http/1.1")
        self._head = "".join(f"{name}: {value}\r\n" for name, value in load.headers.items())

    async def connect(self) -> None:
        await self._connection.open()

    async def close(self) -> None:
        await self._connection.close()

    async def run(self) -> None:
        while not self._load.stopped:
            call, sent_at = self._load.next_call(), time.monotonic()
            head = f"POST {call.path} HTTP/1.1\r\nhost: unkey\r\n{self._head}content-length: {len(call.body)}\r\n\r\n"
            try:
                self._connection.writer.write(head.encode() + call.body)
                status, closing, body = await self._answer()
            except (OSError, asyncio.IncompleteReadError) as err:
                self._load.lose(call, sent_at, f"HTTP/1.1 {err!r}")
                return
            self._load.note(call, sent_at, status, body)
            if closing:
                self._load.goodbyes["connection: close"] += 1
                return
            if self._pace_seconds:
                await asyncio.sleep(self._pace_seconds)

    async def _answer(self) -> tuple[int, bool, bytes]:
        head = (await self._connection.reader.readuntil(b"\r\n\r\n")).lower()
        _, _, rest = head.partition(b"content-length: ")
        body = await self._connection.reader.readexactly(int(rest.partition(b"\r\n")[0]))
        return int(head[9:12]), b"\r\nconnection: close" in head, body


@dataclass(slots=True)
class _Stream:
    call: Call
    sent_at: float
    status: int = 0
    body: bytes = b""


class _Http2:
    """One connection with several requests in flight."""

    def __init__(self, load: Load, port: int, streams: int, tls: Callable[[str], ssl.SSLContext] | None) -> None:
        self._load = load
        self._connection = _Connection(port, tls, "h2")
        self._limit = streams
        self._streams: dict[int, _Stream] = {}
        self._scheme = "http" if tls is None else "https"
        self._going_away = False
        self._h2: h2.connection.H2Connection

    async def connect(self) -> None:
        await self._connection.open()
        self._streams.clear()
        self._going_away = False
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
        self._h2.initiate_connection()

    async def close(self) -> None:
        await self._connection.close()

    async def run(self) -> None:
        try:
            await self._run()
        except (OSError, asyncio.IncompleteReadError, h2.exceptions.ProtocolError) as err:
            for stream in self._streams.values():
                self._load.lose(stream.call, stream.sent_at, f"HTTP/2 {err!r}")

    async def _run(self) -> None:
        while True:
            while len(self._streams) < self._limit and not self._going_away and not self._load.stopped:
                self._send(self._load.next_call())
            if not self._streams:
                return
            self._connection.writer.write(self._h2.data_to_send())
            await self._connection.writer.drain()
            head = await self._connection.reader.readexactly(PREFACE)
            payload = await self._connection.reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == GOAWAY:
                # h2 takes it for the end of everything, although earlier streams go on.
                self._leave(*struct.unpack(">II", payload[:8]))
            else:
                for event in self._h2.receive_data(head + payload):
                    self._take(event)

    def _send(self, call: Call) -> None:
        number = self._h2.get_next_available_stream_id()
        pseudo = {":method": "POST", ":scheme": self._scheme, ":authority": "unkey", ":path": call.path}
        length = {"content-length": str(len(call.body))}
        self._h2.send_headers(number, [*(pseudo | self._load.headers | length).items()])
        self._h2.send_data(number, call.body, end_stream=True)
        self._streams[number] = _Stream(call, time.monotonic())

    def _leave(self, last_stream: int, error: int) -> None:
        self._going_away = True
        self._load.goodbyes[f"GOAWAY {'all' if last_stream == 2**31 - 1 else 'last'} {error}"] += 1
        for number in [number for number in self._streams if number > last_stream]:
            del self._streams[number]
            self._load.unprocessed += 1

    def _take(self, event: h2.events.Event) -> None:
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None:
            return
        match event:
            case h2.events.ResponseReceived(headers=headers):
                stream.status = int(next(value for name, value in headers or () if name in {":status", b":status"}))
            case h2.events.DataReceived(data=data, flow_controlled_length=length, stream_id=number):
                stream.body += data or b""
                self._h2.acknowledge_received_data(length or 0, number or 0)
            case h2.events.StreamEnded(stream_id=number):
                self._load.note(stream.call, stream.sent_at, stream.status, stream.body)
                del self._streams[number or 0]
            case h2.events.StreamReset(stream_id=number, error_code=code):
                del self._streams[number or 0]
                if code == 7:  # REFUSED_STREAM: the same promise as being above the last stream of a GOAWAY
                    self._load.unprocessed += 1
                else:
                    self._load.lose(stream.call, stream.sent_at, f"HTTP/2 stream reset with {code}")
