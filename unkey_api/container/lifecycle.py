"""What runs beside requests: started together, drained in order, watched for an unexpected end.

Buffers among it, which are written behind the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import structlog

from unkey_api.infra.batching.batcher import Batcher, BatchPolicy, Flush
from unkey_api.infra.batching.encoding import EncodingSink
from unkey_api.infra.telemetry.metrics import Metrics

Item = TypeVar("Item")

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


def encoded_buffer(  # noqa: PLR0913 - what a buffer is made of, by name
    name: str,
    encode: Callable[[Item], bytes],
    flush: Flush,
    *,
    policy: BatchPolicy,
    metrics: Metrics,
    failed: asyncio.Event,
    grace_seconds: float,
    weigh: Callable[[Item], int] | None = None,
) -> tuple[EncodingSink[Item], AbstractAsyncContextManager[None]]:
    """Return a sink and what writes its items until it is left; then what waits has `grace_seconds` to be written.

    `weigh` returns how many bytes `encode` has to look at, where items differ much.
    """
    batcher = Batcher(name, flush, policy)

    def on_error(error: Exception) -> None:
        _log.error("row could not be encoded", buffer=name, error=error)

    sink = EncodingSink(batcher, encode, on_error=on_error, weigh=weigh)
    metrics.buffers.watch(
        name,
        batcher,
        capacity=policy.capacity,
        accepted=lambda: batcher.accepted,
        unencodable=lambda: sink.failed,
    )

    def close() -> None:
        sink.flush()
        batcher.close()

    return sink, running(name, batcher.run(), close=close, failed=failed, grace_seconds=grace_seconds)
