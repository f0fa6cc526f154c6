"""Buffers that are written behind the answers: rows for ClickHouse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import structlog

from unkey_api.container.background import running
from unkey_api.infra.batching.batcher import Batcher, BatchPolicy, Flush
from unkey_api.infra.batching.encoding import EncodingSink
from unkey_api.infra.telemetry.metrics import Metrics

Item = TypeVar("Item")

_log = structlog.get_logger(__name__)


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
        sink.settle()
        batcher.close()

    return sink, running(name, batcher.run(), close=close, failed=failed, grace_seconds=grace_seconds)
