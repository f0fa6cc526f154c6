"""An HTTP/1.1 connection without a socket: what a caller sends, what it would read, and what became of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from tests.support.clock import FixedClock
from tests.support.waiting import settle
from unkey_api.server.http1.connection import Connection
from unkey_api.server.http1.connections import Asgi, Bounds, Connections
from unkey_api.server.listeners import Admission
from unkey_api.settings.limits import LimitSettings

PEER = ("192.0.2.1", 50_000)
OURS = ("198.51.100.1", 7070)


class MemoryTransport(asyncio.Transport):
    """Takes what is written; a caller that does not read is one whose `unread` stays."""

    def __init__(self, peer: tuple[str, int], *, half_close: bool = True) -> None:
        super().__init__()
        self.connection: Connection | None = None
        self.written: list[bytes] = []
        self.unread = 0
        self.reads = True
        """Whether the caller reads what is written."""
        self.closed = False
        self.aborted = False
        self.half_closed = False
        self.reading = True
        self._peer = peer
        self._half_close = half_close

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any: as asyncio has it
        return {"peername": self._peer, "sockname": OURS}.get(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.half_closed, "nothing may be written after the end was announced"
        self.written.append(bytes(data))
        if not self.reads:
            self.unread += len(data)
            if self.unread > 65_536 and self.connection is not None:
                self.connection.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.unread

    def can_write_eof(self) -> bool:
        return self._half_close

    def write_eof(self) -> None:
        self.half_closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._lose)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def _lose(self) -> None:
        if self.connection is not None:
            self.connection.connection_lost(None)
            self.connection = None


@dataclass
class Caller:
    """The other end of one connection."""

    transport: MemoryTransport
    connection: Connection

    async def send(self, data: bytes | str, *, pieces: int = 0) -> bytes:
        """Send, in pieces of so many bytes or at once; return everything received so far once it is quiet."""
        data = data.encode("latin-1") if isinstance(data, str) else data
        size = pieces or max(1, len(data))
        for start in range(0, len(data), size):
            if self.transport.closed:
                break
            self.connection.data_received(data[start : start + size])
        await settle()
        return self.received

    async def hang_up(self) -> None:
        """Close this end."""
        self.connection.eof_received()
        self.transport.close()
        await settle()

    def read_all(self) -> None:
        """Read what was not read."""
        self.transport.unread = 0
        self.transport.reads = True
        self.connection.resume_writing()

    @property
    def received(self) -> bytes:
        """Everything written to this caller."""
        return b"".join(self.transport.written)

    @property
    def statuses(self) -> list[int]:
        """The statuses of the answers, in order."""
        return statuses(self.received)

    @property
    def over(self) -> bool:
        """Whether the server has ended the conversation: closed, or said that nothing follows."""
        return self.transport.closed or self.transport.half_closed


@dataclass
class World:
    """The connections of a worker, and what its application was asked."""

    shared: Connections
    clock: FixedClock
    calls: list[Call] = field(default_factory=list)

    def connect(self, peer: tuple[str, int] = PEER, *, half_close: bool = True) -> Caller:
        """Open a connection."""
        transport = MemoryTransport(peer, half_close=half_close)
        connection = Connection(self.shared)
        transport.connection = connection
        connection.connection_made(transport)
        return Caller(transport, connection)

    async def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        left = round(seconds * 1000)
        while left > 0:
            step = min(left, 500)
            self.clock.advance(step)
            self.shared.tick()
            await settle(3)
            left -= step
        await settle()


@dataclass
class Call:
    """One request as the application saw it."""

    scope: dict[str, Any]
    body: bytes = b""
    disconnected: bool = False


async def read_body(receive: Callable[[], Any]) -> tuple[bytes, bool]:  # Any: ASGI's own types
    """Return the whole body and whether the caller left before its end."""
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return body, True
        body += event["body"]
        if not event["more_body"]:
            return body, False


async def reply(
    send: Callable[[Any], Any], status: int = 200, body: bytes = b"", *headers: tuple[bytes, bytes]
) -> None:
    """Answer at once."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


def world(app: Asgi | None = None, *, proxies: tuple[str, ...] = (), **limits: Any) -> World:  # Any: of each setting
    """Make a worker whose application answers with what it was asked, unless another one is given.

    `limits` are those of `LimitSettings`, with durations as seconds.
    """
    kinds = {name: type(getattr(LimitSettings(), name)) for name in limits}
    values: dict[str, Any] = {  # Any: of each setting
        name: timedelta(seconds=value) if kinds[name] is timedelta else value for name, value in limits.items()
    }
    settings = LimitSettings(**values)
    clock = FixedClock()
    calls: list[Call] = []

    async def echo(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
        call = Call(scope)
        calls.append(call)
        call.body, call.disconnected = await read_body(receive)
        await reply(send, 200, f"{scope['method']} {scope['path']} ".encode() + call.body)

    shared = Connections(
        app or echo,
        loop=asyncio.get_running_loop(),
        clock=clock,
        bounds=Bounds.of(settings),
        admission=Admission(
            total=settings.connections,
            per_address=settings.connections_per_address,
            exempt=[ip_network(each) for each in proxies],
        ),
    )
    return World(shared, clock, calls)


def statuses(received: bytes) -> list[int]:
    """Return the statuses of concatenated answers, whose bodies must not look like one."""
    return [int(number) for number in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
