"""HTTP/2 frame by frame, for clients that do what no library lets them do."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_BYTES = 16_384
HEAD_BYTES = 9
READ_BYTES = 65_536
Fields = list[tuple[bytes, bytes]]

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, WITH_PRIORITY = 1, 4, 8, 32


def raw_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return any frame, right or wrong."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def request_fields(path: bytes = b"/", *extra: tuple[bytes, bytes], method: bytes = b"POST") -> Fields:
    """Return the fields of an ordinary request."""
    return [(b":method", method), (b":scheme", b"http"), (b":authority", b"test"), (b":path", path), *extra]


@dataclass
class Received:
    """What came back on one stream."""

    fields: list[dict[bytes, bytes]] = field(default_factory=list)
    """The header blocks: answer and trailers."""
    body: bytes = b""
    ended: bool = False
    reset: int | None = None
    """The code of the first RST_STREAM."""

    @property
    def status(self) -> int:
        """Status of the answer; 0 while there is none."""
        return int(self.fields[0][b":status"]) if self.fields else 0

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self.ended or self.reset is not None

    @property
    def outcome(self) -> dict[bytes, bytes]:
        """The trailers, or the only fields there were."""
        return self.fields[-1] if self.fields else {}


class RawHttp2:
    """One connection. Reads all the time in a task of its own; `answering` keeps it from doing what servers expect."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.encoder = Encoder()
        self._decoder = Decoder()
        self._next = 1
        self.streams: dict[int, Received] = {}
        self.settings: dict[int, int] = {}
        """Of the server."""
        self.goaway: GoAwayFrame | None = None
        """The last one received."""
        self.pings = 0
        """Answered by the server."""
        self.window_updates: list[tuple[int, int]] = []
        self.closed = False
        self._changed = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None
        self.give_back = True
        """Whether what is received is acknowledged by WINDOW_UPDATE."""

    async def introduce(self, settings: dict[int, int] | None = None) -> None:
        """Send preface and settings, and begin to read."""
        self.write(PREFACE, SettingsFrame(0, settings=settings or {}).serialize())
        self._reading = asyncio.create_task(self._read())
        await self.flush()

    def write(self, *data: bytes) -> None:
        """Send bytes as they are, without waiting."""
        with contextlib.suppress(RuntimeError):
            self.writer.write(b"".join(data))

    async def flush(self) -> None:
        """Wait until the server takes more."""
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    def new_stream(self) -> int:
        """Return the next stream and expect something on it."""
        number, self._next = self._next, self._next + 2
        self.streams[number] = Received()
        return number

    def head(self, fields: Fields, *, end: bool = True, stream: int | None = None) -> int:
        """Send a head, in as many frames as it takes, and return its stream."""
        number = self.new_stream() if stream is None else stream
        self.write(*head_frames(number, self.encoder.encode(fields), end=end))
        return number

    def data(self, stream: int, data: bytes, *, end: bool = True) -> None:
        """Send a piece of a body without regard to windows."""
        for start in range(0, max(1, len(data)), FRAME_BYTES):
            last = start + FRAME_BYTES >= len(data)
            flags = END_STREAM if end and last else 0
            self.write(raw_frame(DATA, flags, stream, data[start : start + FRAME_BYTES]))

    def request(self, path: bytes, body: bytes, *extra: tuple[bytes, bytes]) -> int:
        """Send a whole request and return its stream."""
        number = self.head(request_fields(path, *extra), end=False)
        self.data(number, body)
        return number

    async def answer(self, stream: int, *, within: float = 20.0) -> Received:
        """Wait until nothing more can come on a stream, or the connection is closed."""
        received = self.streams[stream]
        await self.until(lambda: received.over or self.closed, within=within)
        return received

    async def until(self, condition: object, *, within: float = 20.0) -> None:
        """Wait for a condition on what was received. Raises `TimeoutError`."""
        assert callable(condition)
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(condition)

    async def ping(self, *, within: float = 20.0) -> None:
        """Wait until the server has dealt with everything sent before."""
        before = self.pings
        self.write(PingFrame(0, opaque_data=b"12345678").serialize())
        await self.flush()
        await self.until(lambda: self.pings > before or self.closed, within=within)

    async def close(self) -> None:
        """Close without a word."""
        self.writer.transport.abort()
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading

    async def _read(self) -> None:
        buffer, block = b"", b""
        try:
            while data := await self._reader.read(READ_BYTES):
                buffer += data
                while len(buffer) >= HEAD_BYTES:
                    frame, length = Frame.parse_frame_header(memoryview(buffer[:HEAD_BYTES]))
                    if len(buffer) < HEAD_BYTES + length:
                        break
                    frame.parse_body(memoryview(buffer[HEAD_BYTES : HEAD_BYTES + length]))
                    buffer = buffer[HEAD_BYTES + length :]
                    block = self._take(frame, block)
                async with self._changed:
                    self._changed.notify_all()
        except OSError:
            pass
        self.closed = True
        async with self._changed:
            self._changed.notify_all()

    def _take(self, frame: Frame, block: bytes) -> bytes:
        received = self.streams.setdefault(frame.stream_id, Received())
        if isinstance(frame, HeadersFrame | ContinuationFrame):
            block += frame.data
            if "END_HEADERS" in frame.flags:
                fields = self._decoder.decode(block, raw=True)
                received.fields.append({bytes(name): bytes(value) for name, value in fields})
                block = b""
        elif isinstance(frame, DataFrame):
            received.body += frame.data
            if self.give_back and frame.flow_controlled_length:
                for number in (0, frame.stream_id):
                    self.write(WindowUpdateFrame(number, frame.flow_controlled_length).serialize())
        elif isinstance(frame, RstStreamFrame):
            received.reset = frame.error_code if received.reset is None else received.reset
        else:
            self._take_control(frame)
        if isinstance(frame, HeadersFrame | DataFrame) and "END_STREAM" in frame.flags:
            received.ended = True
        return block

    def _take_control(self, frame: Frame) -> None:
        if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            self.settings.update(frame.settings)
            self.write(SettingsFrame(0, flags=["ACK"]).serialize())
        elif isinstance(frame, PingFrame) and "ACK" in frame.flags:
            self.pings += 1
        elif isinstance(frame, GoAwayFrame):
            self.goaway = frame
        elif isinstance(frame, WindowUpdateFrame):
            self.window_updates.append((frame.stream_id, frame.window_increment))


def head_frames(stream: int, block: bytes, *, end: bool, piece: int = FRAME_BYTES) -> Iterable[bytes]:
    """Return a block of fields as HEADERS and CONTINUATION."""
    for start in range(0, max(1, len(block)), piece):
        flags = (END_STREAM if end and not start else 0) | (END_HEADERS if start + piece >= len(block) else 0)
        yield raw_frame(CONTINUATION if start else HEADERS, flags, stream, block[start : start + piece])


@asynccontextmanager
async def raw_http2(
    host: str, port: int, *, settings: dict[int, int] | None = None, source: str = ""
) -> AsyncIterator[RawHttp2]:
    """Connect and introduce oneself. `source` is the address to come from."""
    local = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(host, port, local_addr=local)
    connection = RawHttp2(reader, writer)
    try:
        await connection.introduce(settings)
        yield connection
    finally:
        await connection.close()
