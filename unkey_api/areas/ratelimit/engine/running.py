"""Putting the limiter together and running what works behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from unkey_api.areas.ratelimit.engine.bounds import TableBounds
from unkey_api.areas.ratelimit.engine.counts import LimiterCounts, LimiterObserver
from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.areas.ratelimit.engine.loading import CellLoader
from unkey_api.areas.ratelimit.engine.regions import GlobalCounters, RegionSync
from unkey_api.areas.ratelimit.engine.replay import ReplayQueue
from unkey_api.areas.ratelimit.engine.state import CounterTable
from unkey_api.areas.ratelimit.engine.store import STORE_POLICY, CounterStore, GuardedStore
from unkey_api.core.clock import Clock
from unkey_api.infra.resilience.breaker import BreakerPolicy, BreakerState, CircuitBreaker
from unkey_api.infra.resilience.tasks import repeat_every

SWEEP_CHUNK = 500  # counters looked at before requests get their turn


class Janitor:
    """Drops cells three durations after their window began and strict times that have passed."""

    def __init__(self, table: CounterTable, counts: LimiterCounts, clock: Clock) -> None:
        self._table = table
        self._counts = counts
        self._clock = clock

    async def sweep(self) -> None:
        """Look at every counter once."""
        now_ms = self._clock.now_ms()
        windows = 0
        for members in list(self._table.groups.values()):
            identifiers = list(members.counters)
            for start in range(0, len(identifiers), SWEEP_CHUNK):
                chunk = identifiers[start : start + SWEEP_CHUNK]
                gone, left = self._table.sweep(members, chunk, now_ms)
                self._counts.windows_evicted += gone
                windows += left
                await asyncio.sleep(0)
            self._table.drop_if_empty(members)
        self._counts.windows = windows


JANITOR_SECONDS = 60.0
REGION_SECONDS = 5.0
TRIM_SECONDS = 3_600.0
REGION_JITTER = 0.2  # nodes that start together would otherwise all write in the same moment
PUSH_POLICY = BreakerPolicy(trip_failures=5, cycle=timedelta(seconds=5), open_for=timedelta(seconds=60), trial_calls=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterParts:
    """A limiter and the parts that work behind it, for those who run them themselves."""

    limiter: RateLimiter
    table: CounterTable
    loader: CellLoader
    replays: ReplayQueue
    janitor: Janitor
    regions: RegionSync | None


def build_rate_limiter(
    store: CounterStore,
    *,
    clock: Clock,
    observer: LimiterObserver,
    shared: GlobalCounters | None = None,
    bounds: TableBounds | None = None,
    on_breaker: Callable[[str, BreakerState], None] = lambda _name, _state: None,
) -> LimiterParts:
    """Put a limiter together without running anything behind it. `shared` is None where there is one region only."""
    counts = LimiterCounts()
    table = CounterTable(counts, now=clock.now_ms, bounds=bounds)
    breaker = CircuitBreaker("ratelimitOrigin", clock, policy=STORE_POLICY, on_call=on_breaker)
    guarded = GuardedStore(store, breaker, clock, observer)
    loader = CellLoader(guarded, table)
    replays = ReplayQueue(guarded, table, counts, clock)
    regions: RegionSync | None = None
    if shared is not None:
        push_breaker = CircuitBreaker("ratelimit_global_push", clock, policy=PUSH_POLICY, on_call=on_breaker)
        regions = RegionSync(shared, push_breaker, clock=clock, table=table, counts=counts)
    return LimiterParts(
        limiter=RateLimiter(clock=clock, table=table, loader=loader, replays=replays, counts=counts),
        table=table,
        loader=loader,
        replays=replays,
        janitor=Janitor(table, counts, clock),
        regions=regions,
    )


@asynccontextmanager
async def open_rate_limiter(  # noqa: PLR0913 - its stores, and what a process or a test chooses by name
    store: CounterStore,
    *,
    clock: Clock,
    observer: LimiterObserver,
    jitter: Callable[[], float],
    shared: GlobalCounters | None = None,
    bounds: TableBounds | None = None,
    on_breaker: Callable[[str, BreakerState], None] = lambda _name, _state: None,
    grace_seconds: float = 5.0,
) -> AsyncIterator[RateLimiter]:
    """Run a limiter. On leaving, what was spent is sent to the store within the grace.

    Args:
        store: Counters of the region.
        clock: Source of request times that are not given, and of all schedules.
        observer: Told about calls to the store.
        jitter: Draws a number between -1 and 1 for each push, pull and trim.
        shared: The table between regions; None where there is one region only.
        bounds: How many counters are kept.
        on_breaker: Told about every call through a breaker.
        grace_seconds: How long leaving may take.
    """
    parts = build_rate_limiter(
        store, clock=clock, observer=observer, shared=shared, bounds=bounds, on_breaker=on_breaker
    )
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(work, name=name) for name, work in _loops(parts, clock, jitter).items()]
    try:
        yield parts.limiter
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await parts.replays.close(grace_seconds=grace_seconds)
        await parts.loader.close()


def _loops(
    parts: LimiterParts, clock: Clock, jitter: Callable[[], float]
) -> dict[str, Coroutine[Any, Any, None]]:  # Any: the coroutine protocol's own
    loops = {
        "ratelimit.replays": parts.replays.run(),
        "ratelimit.janitor": repeat_every(JANITOR_SECONDS, parts.janitor.sweep, name="ratelimit.janitor", clock=clock),
    }
    if parts.regions is not None:
        for name, seconds, work in (
            ("ratelimit.push", REGION_SECONDS, parts.regions.push),
            ("ratelimit.pull", REGION_SECONDS, parts.regions.pull),
            ("ratelimit.trim", TRIM_SECONDS, parts.regions.trim),
        ):
            loops[name] = repeat_every(seconds, work, name=name, clock=clock, jitter=lambda: REGION_JITTER * jitter())
    return loops
