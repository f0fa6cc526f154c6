"""Calling an ASGI application by hand, event by event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
JSON_HEADERS = {"content-type": "application/json", "authorization": "Bearer test"}


@dataclass
class Answer:
    """What the application sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass
class Client:
    """Sends requests to an application in process; one instance may be used by many tasks."""

    app: Asgi
    address: str = "203.0.113.9"

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | str | list[bytes] | object = b"",
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        hang_up: asyncio.Event | None = None,
        truncated: bool = False,
        query: str = "",
    ) -> Answer:
        """Send one request.

        A list of chunks is sent as such; anything that is not text or bytes is sent as JSON. The client leaves when
        `hang_up` is set, in the middle of the body when `truncated`. Headers are pairs where a name comes twice.
        """
        answer = Answer()
        chunks = _chunks(body)
        left = hang_up or asyncio.Event()

        async def receive() -> dict[str, Any]:
            if chunks:
                chunk = chunks.pop(0)
                return {"type": "http.request", "body": chunk, "more_body": bool(chunks) or truncated}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(event: dict[str, Any]) -> None:
            if event["type"] == "http.response.start":
                answer.status = event["status"]
                answer.headers = {k.decode(): v.decode() for k, v in event["headers"]}
            elif event["type"] == "http.response.body":
                answer.body += event.get("body", b"")
            elif event["type"] == "http.response.trailers":
                answer.trailers = {k.decode(): v.decode() for k, v in event["headers"]}

        sent = JSON_HEADERS if headers is None else headers
        lines = sent.items() if isinstance(sent, Mapping) else sent
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "client": (self.address, 40000),
            "headers": [(k.lower().encode(), v.encode()) for k, v in lines],
            "extensions": {"http.response.trailers": {}},
        }
        await self.app(scope, receive, send)
        return answer

    async def post(self, path: str, body: object = b"", **options: Any) -> Answer:
        """POST with JSON headers unless told otherwise."""
        return await self.request("POST", path, body, **options)


def _chunks(body: object) -> list[bytes]:
    if isinstance(body, list) and body and all(isinstance(c, bytes) for c in body):
        return list(body)
    if isinstance(body, bytes):
        return [body]
    return [(body if isinstance(body, str) else json.dumps(body)).encode()]
