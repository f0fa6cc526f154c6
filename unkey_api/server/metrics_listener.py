"""`GET /metrics` on a port of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

HEAD_LIMIT_SECONDS = 5.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serving_metrics(render: Callable[[], bytes], address: str, port: int) -> AsyncIterator[int]:
    """Serve what `render` returns until the block is left; yields the port, which is chosen freely when 0 is given.

    One request per connection, like a scraper makes it. Anything but `GET /metrics` is a 404.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_LIMIT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            found = head.startswith((b"GET /metrics ", b"GET /metrics?"))
            body = render() if found else b"404 page not found\n"
            status = "200 OK" if found else "404 Not Found"
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            writer.write(body)
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a scraper that left or never asked; it will come again
        finally:
            writer.close()

    server = await asyncio.start_server(answer, address, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
