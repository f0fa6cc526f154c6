"""Asking a server whether it is there yet."""

from __future__ import annotations

import asyncio

from unkey_api.dev.ports import LOOPBACK

PROBE_SECONDS = 2  # for one try; the servers are on this machine


async def answers_http(port: int, path: str, *, host: str = LOOPBACK) -> bool:
    """Whether an HTTP server answers 200 on `path`."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False
