"""Load on a limiter, and what its callers saw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from tests.support.limiter import MINUTE
from tests.support.waiting import Stalls, Stopwatch
from unkey_api.areas.ratelimit.engine.counts import StoreOperation
from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.areas.ratelimit.engine.regions import GlobalCounters
from unkey_api.areas.ratelimit.engine.running import open_rate_limiter
from unkey_api.areas.ratelimit.engine.types import Check
from unkey_api.core.clock import SystemClock
from unkey_api.infra.redis.client import RedisOptions, open_redis
from unkey_api.infra.redis.counters import RedisCounters
from unkey_api.infra.resilience.breaker import BreakerState


class ShiftedClock:
    """The machine's clock, moved forward on demand: a breaker's pause then needs no waiting."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._ahead_ms = 0

    def now_ms(self) -> int:
        return self._system.now_ms() + self._ahead_ms

    def monotonic(self) -> float:
        return self._system.monotonic() + self._ahead_ms / 1_000

    def advance(self, milliseconds: int) -> None:
        """Move forward."""
        self._ahead_ms += milliseconds

    def start_window(self, duration_ms: int = MINUTE) -> None:
        """Move to the start of the next window, so that none ends in the middle of a test."""
        self.advance(duration_ms - self.now_ms() % duration_ms)


class RealNode:
    """A limiter on a real Redis, with everything that runs behind it."""

    def __init__(self, clock: ShiftedClock) -> None:
        self.clock = clock
        self.limiter: RateLimiter
        self.states: list[BreakerState] = []
        self.operations: list[StoreOperation] = []
        self.failures: list[str] = []
        self.stalls = Stalls()
        self.checks = Stopwatch(self.stalls)
        """Longest time a check took."""
        self.asked = 0

    def store_called(self, operation: StoreOperation, counters: int, seconds: float, failure: str | None) -> None:
        self.operations.append(operation)
        if failure is not None:
            self.failures += [failure] * counters

    async def ask(self, identifier: str, *, limit: int = 10, duration_ms: int = MINUTE) -> bool:
        """Check once and note how long that took."""
        check = Check("ws", "ns", identifier, limit, duration_ms)
        with self.checks.running():
            decision = self.limiter.try_limit_now(check) or await self.limiter.limit(check)
        self.asked += 1
        return decision.success

    async def keep_asking(self, prefix: str, stop: asyncio.Event) -> None:
        """Ask about ever new identifiers, each twice, until told to stop."""
        number = 0
        while not stop.is_set():
            for _ in range(2):
                assert await self.ask(f"{prefix}{number}")
            number += 1
            await asyncio.sleep(0.001)


@asynccontextmanager
async def real_node(
    url: str, clock: ShiftedClock | None = None, *, shared: GlobalCounters | None = None, start_seconds: float = 2.0
) -> AsyncIterator[RealNode]:
    """Run a limiter on the Redis at `url`."""
    node = RealNode(clock or ShiftedClock())
    async with (
        open_redis(RedisOptions(url, start_timeout=timedelta(seconds=start_seconds))) as client,
        open_rate_limiter(
            RedisCounters(client),
            clock=node.clock,
            observer=node,
            jitter=lambda: 0.0,
            shared=shared,
            on_breaker=lambda name, state: node.states.append(state) if name == "ratelimitOrigin" else None,
            grace_seconds=0.5,
        ) as limiter,
    ):
        node.limiter = limiter
        async with node.stalls.measured():
            yield node


@asynccontextmanager
async def load(node: RealNode, *, callers: int = 10) -> AsyncIterator[None]:
    """Have so many callers ask all the time while the block runs."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for number in range(callers):
            tasks.create_task(node.keep_asking(f"load-{number}-", stop))
        try:
            yield
        finally:
            stop.set()
