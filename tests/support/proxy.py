"""A TCP proxy that makes a network bad on purpose: slow, narrow, cut, refusing or silent."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK = 16_384
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST instead of FIN


class Proxy:
    """Passes bytes between clients and one server until told to misbehave. Every setting may change at any time."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        """Where it listens, on loopback."""
        self.accepted = 0
        """Connections let in so far."""
        self.delay_seconds = 0.0
        """How long each piece waits before it goes on, in either direction."""
        self.bytes_per_second = 0
        """Throughput of each direction of each connection; 0 means no limit."""
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def open_links(self) -> int:
        """Connections passing through right now."""
        return len(self._links)

    async def listen(self) -> None:
        """Let connections in, on the same port as before if there was one."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Turn new connections away until `listen`; those that are open stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    def cut(self) -> None:
        """Break every open connection with RST, in both directions, whatever is under way."""
        for link in list(self._links):
            link.reset()

    def freeze(self) -> None:
        """Stop passing bytes; connections stay open and new ones are let in and hear nothing. Until `thaw`."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on what was held back, and everything from now on."""
        self._flowing.set()

    async def close(self) -> None:
        """Stop listening and break what is open."""
        await self.refuse()
        self.thaw()
        self.cut()
        await asyncio.gather(*(link.over.wait() for link in list(self._links)))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = _Link(reader, writer)
        self._links.add(link)
        try:
            await link.run(self)
        finally:
            self._links.discard(link)
            link.over.set()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the server behind."""
        return await asyncio.open_connection(*self._target)

    async def hold_back(self, size: int) -> None:
        """Wait as long as a piece of `size` bytes takes on this network."""
        seconds = self.delay_seconds + (size / self.bytes_per_second if self.bytes_per_second else 0.0)
        if seconds:
            await asyncio.sleep(seconds)
        await self._flowing.wait()


class _Link:
    """One connection of a client and its counterpart to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.over = asyncio.Event()
        self._client = (reader, writer)
        self._writers = [writer]
        self._task = asyncio.current_task()

    async def run(self, proxy: Proxy) -> None:
        reader, writer = self._client
        try:
            behind_reader, behind_writer = await proxy.connect()
            self._writers.append(behind_writer)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(reader, behind_writer, proxy))
                tasks.create_task(_pump(behind_reader, writer, proxy))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            self._make_rst()  # the server is away, one side broke off, or `cut`: the other side learns it the same way
        finally:
            for each in self._writers:
                each.close()

    def reset(self) -> None:
        self._make_rst()
        if self._task is not None:
            self._task.cancel()

    def _make_rst(self) -> None:
        for writer in self._writers:
            sock: socket.socket | None = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, proxy: Proxy) -> None:
    """Pass bytes on until the sender has no more; then say so to the receiver."""
    while piece := await reader.read(CHUNK):
        await proxy.hold_back(len(piece))
        writer.write(piece)
        await writer.drain()
    await proxy.hold_back(0)
    if writer.can_write_eof():
        writer.write_eof()


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    """Run a well-behaved proxy in front of a server until the block ends."""
    proxy = Proxy(host, port)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()
