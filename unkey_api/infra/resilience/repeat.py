"""Run something again and again on a schedule that does not drift."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from unkey_api.core.clock import Clock
from unkey_api.infra.resilience.retry import Sleep

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def repeat_every(
    interval_seconds: float,
    work: Callable[[], Awaitable[None]],
    *,
    name: str,
    clock: Clock,
    jitter: Callable[[], float] = lambda: 0.0,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Run `work` now and then every interval until cancelled.

    Runs are planned from the previous planned time, so a slow run does not shift the schedule; a run that lasts longer
    than the interval skips what it missed. An error is logged and the next run still comes.

    Args:
        interval_seconds: Time between planned starts.
        work: What to do.
        name: For the log.
        clock: Source of `monotonic`.
        jitter: Fraction of the interval to add, drawn per run; nodes that start together then spread out.
        sleep: Waits.
    """
    planned = clock.monotonic()
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - the edge of a task loop: a crash in one run must not stop the next
            _log.exception("periodic work failed", work=name)
        planned += interval_seconds * (1.0 + jitter())
        now = clock.monotonic()
        if planned <= now:
            planned = now + interval_seconds
        await sleep(planned - now)
