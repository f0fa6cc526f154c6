"""The end of an answer waits for the end of its request, on the HTTP/2 listener."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

Asgi = Callable[[Any, Any, Any], Awaitable[None]]  # scope, receive, send; events are mappings with values of any kind
LATE_BODY_SECONDS = 2.0  # how long an answer waits for the rest of a body nobody wants
LATE_BODY_BYTES = 1_048_576


class DrainRequestBeforeResponse:
    """Ends no answer before its request has arrived completely, within reason.

    An answer may come before the end of its request (no credential, unknown path, body too large), and the rest is then
    refused with RST_STREAM. Many clients report that as a broken connection and never show the answer, so what little
    is still on its way is read first. Only the last event waits: what answers while it still reads is not held up.
    """

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        complete = with_trailers = False

        async def noting_receive() -> Any:
            nonlocal complete
            event = await receive()
            complete = complete or event["type"] == "http.disconnect" or not event.get("more_body", False)
            return event

        async def waiting_send(event: Any) -> None:
            nonlocal with_trailers
            if event["type"] == "http.response.start":
                with_trailers = event.get("trailers", False)
            elif not complete and _is_last(event, with_trailers=with_trailers):
                await _discard_rest(noting_receive, lambda: complete)
            await send(event)

        await self.app(scope, noting_receive, waiting_send)


def _is_last(event: Any, *, with_trailers: bool) -> bool:
    if event["type"] == "http.response.trailers":
        return not event.get("more_trailers", False)
    return not with_trailers and not event.get("more_body", False)


async def _discard_rest(receive: Callable[[], Awaitable[Any]], complete: Callable[[], bool]) -> None:
    """Read what is left of a body, within reason."""
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LATE_BODY_SECONDS):
            while not complete() and size < LATE_BODY_BYTES:
                size += len((await receive()).get("body", b""))
