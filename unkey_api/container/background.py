"""Services that run beside requests: started together, drained in order, watched for an unexpected end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@asynccontextmanager
async def running(
    name: str,
    work: Coroutine[Any, Any, None],  # the send and return types of a coroutine nobody talks to
    *,
    close: Callable[[], None],
    failed: asyncio.Event,
    grace_seconds: float,
) -> AsyncIterator[None]:
    """Run `work` until the block is left; then ask it to finish with `close` and wait, at most `grace_seconds`.

    Without any grace it is cancelled if it does not finish at once: that is for work with nothing to lose.
    Should it end before it was asked to, that is a bug: it is logged and `failed` is set.
    """
    closing = False

    async def watched() -> None:
        try:
            await work
        except Exception as err:  # noqa: BLE001 - the edge of a task: whatever ended it is reported here
            _log.error("background service failed", job=name, error=err)
            failed.set()
        else:
            if not closing:
                _log.error("background service ended", job=name)
                failed.set()

    task = asyncio.create_task(watched(), name=name)
    try:
        yield
    finally:
        closing = True
        close()
        _, late = await asyncio.wait([task], timeout=grace_seconds)
        if late:
            if grace_seconds:
                _log.error("background service did not finish in time", job=name)
            task.cancel()
            await asyncio.wait([task])
