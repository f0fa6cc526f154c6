"""A client that speaks HTTP/1.1 on a socket of its own and may hang up at any byte."""

from __future__ import annotations

import asyncio
import json
from typing import Any


class WireClient:
    """Sends one request after the other on a kept connection. A cancelled request hangs up without a goodbye."""

    def __init__(self, port: int, root_key: str) -> None:
        self._port = port
        self._authorization = f"Bearer {root_key}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: object) -> Any:
        """Return the decoded body of a 200; another status fails the test."""
        whole = False
        try:
            answer = await self._state(path, json.dumps(body).encode())
            whole = True
        finally:
            if not whole:
                self.hang_up()
        return answer

    def hang_up(self) -> None:
        """Leave in the middle of whatever is under way. The next request connects again."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _state(self, path: str, body: bytes) -> Any:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {self._authorization}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        # In two pieces, so that some hang up between them.
        writer.write(head.encode() + body[:5])
        await asyncio.sleep(0)
        writer.write(body[5:])
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        answer = await self._body(reader, headers)
        assert lines[0].split()[1] == "200", answer
        return json.loads(answer)

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await reader.readexactly(int(headers["content-length"]))
        pieces = []
        while size := int(await reader.readline(), 16):
            pieces.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(pieces)
