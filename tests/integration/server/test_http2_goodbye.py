"""How HTTP/2 clients are told to go when a worker stops, however late they come."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest

from tests.support.waiting import eventually
from unkey_api.server.http2.listener import Http2Listener
from unkey_api.server.http2.streams import ANY_STREAM
from unkey_api.server.sockets import bind_workers

pytestmark = pytest.mark.integration
GOAWAY = 7
PREFACE = 9  # bytes in front of each frame's payload
HEADERS = {":method": "GET", ":scheme": "http", ":authority": "unkey", ":path": "/"}


async def answer(scope: Any, receive: Any, send: Any) -> None:  # any ASGI events
    """Answer everything with 200."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


class Client:
    """A raw HTTP/2 client that notes what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.last_streams: list[int] = []
        """Of each GOAWAY, in order."""
        self.ended: set[int] = set()
        """Streams answered to the end."""

    async def introduce(self) -> None:
        """Send the preface."""
        self._h2.initiate_connection()
        await self._flush()

    async def ask(self) -> int:
        """Send a request and return its stream."""
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, [*HEADERS.items()], end_stream=True)
        await self._flush()
        return number

    async def listen(self) -> None:
        """Read until the server closes in an orderly way; a reset is an error."""
        while head := await self._reader.read(PREFACE):
            payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == GOAWAY:
                self.last_streams.append(struct.unpack(">I", payload[:4])[0])
                continue
            for event in self._h2.receive_data(head + payload):
                if isinstance(event, h2.events.StreamEnded):
                    self.ended.add(event.stream_id or 0)

    async def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())
        await self._writer.drain()


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Http2Listener, int]]:
    """Serve until the block ends."""
    [sockets] = bind_workers("127.0.0.1", http_port=0, http2_port=0, workers=1)
    listener = Http2Listener(answer, sockets.http1, budget=timedelta(seconds=8), tls=None)
    await listener.start()
    try:
        yield listener, sockets.http1.getsockname()[1]
    finally:
        await listener.drain()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """Connect and say nothing yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def test_a_client_that_speaks_only_after_the_stop_is_answered_and_told_to_go() -> None:
    async with listening() as (listener, port), connected(port) as early, connected(port) as late:
        await early.introduce()
        await early.ask()
        reading = asyncio.create_task(early.listen())
        stopping = asyncio.create_task(listener.drain())
        await eventually(lambda: bool(early.last_streams))  # the others have been told as well, then
        async with asyncio.timeout(10):
            await late.introduce()
            asked = await late.ask()
            await late.listen()
            await asyncio.gather(reading, stopping)
    assert late.last_streams[0] == ANY_STREAM
    assert late.ended == {asked}


async def test_a_client_that_goes_on_is_refused_and_not_reset() -> None:
    """Whoever does not heed the first word learns which requests were not answered, and can repeat them."""
    async with listening() as (listener, port), connected(port) as client:
        await client.introduce()
        await client.ask()
        reading = asyncio.create_task(client.listen())
        stopping = asyncio.create_task(listener.drain())
        async with asyncio.timeout(10):
            while not reading.done():
                await client.ask()
                if len(client.last_streams) > 1:
                    break
                await asyncio.sleep(0.005)
            await asyncio.gather(reading, stopping)
    first, last = client.last_streams
    assert first == ANY_STREAM
    assert client.ended >= set(range(1, last + 1, 2)), "all that were begun before the last word"
