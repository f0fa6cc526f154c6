"""Reading a request body under a size limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from unkey_api.core.errors import ErrorCode
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange

Receive = Callable[[], Awaitable[dict[str, Any]]]  # ASGI events are mappings with values of any kind


async def read_body(exchange: Exchange, receive: Receive, limit: int) -> tuple[bytes, bool]:
    """Return the body and whether it was longer than `limit` bytes; then only its beginning is returned.

    A limit of 0 or less means none. Raises a 499 fault when the client leaves before the body is complete.
    """
    event = await receive()
    if event["type"] == "http.disconnect":
        raise _left(exchange)
    body: bytes = event.get("body", b"")
    if not event.get("more_body", False):
        return body, 0 < limit < len(body)
    chunks = [body]
    size = len(body)
    while event.get("more_body", False):
        if 0 < limit < size:
            return b"".join(chunks)[:limit], True
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _left(exchange)
        chunks.append(event.get("body", b""))
        size += len(chunks[-1])
    return b"".join(chunks), 0 < limit < size


def _left(exchange: Exchange) -> Fault:
    return Fault(
        ErrorCode.USER_BAD_REQUEST_CLIENT_CLOSED_REQUEST, "Client closed request", request_id=exchange.request_id
    )
