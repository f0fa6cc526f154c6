"""The credit limiter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.redis.client import Taken
from unkey_api.infra.resilience.breaker import BreakerPolicy, BreakerState, CircuitBreaker
from unkey_api.infra.resilience.retry import Sleep
from unkey_api.keys.credits.ports import CreditBalances, CreditCounter, CreditObserver
from unkey_api.keys.credits.replays import CreditReplays, ReplayBounds
from unkey_api.keys.credits.types import BalanceMissing, CreditDecision, InvalidCost

COPY_TTL_MS = 60_000  # how long a balance set in MySQL by other means, such as a refill, may stay unseen
MAX_DIVERGED = 10_000  # keys spent in MySQL while Redis was away that are remembered

COUNTER_POLICY = BreakerPolicy(trip_failures=5, cycle_seconds=5.0, open_seconds=5.0, trial_calls=10)
WRITE_POLICY = BreakerPolicy(trip_failures=5, cycle_seconds=5.0, open_seconds=60.0, trial_calls=10)

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class CreditCounts:
    """Decisions by where they were made, read by metrics at scrape time."""

    redis_allowed: int = 0
    redis_denied: int = 0
    db_allowed: int = 0
    db_denied: int = 0


class CreditLimiter:
    """Spends credits of keys: N credits at cost c allow exactly N // c spends, however many ask at once."""

    def __init__(
        self, counter: CreditCounter, balances: CreditBalances, replays: CreditReplays, breaker: CircuitBreaker
    ) -> None:
        """Put the parts together; `open_credit_limiter` does that and drains on leaving."""
        self.counts = CreditCounts()
        self._counter = counter
        self._balances = balances
        self.replays = replays
        """What waits for MySQL; public to be watched."""
        self._breaker = breaker
        self._diverged: set[str] = set()

    async def spend(self, key_id: str, cost: int) -> CreditDecision:
        """Take `cost` credits if the key has them; 0 asks without taking.

        Without Redis the spend is made in MySQL. A caller that is cancelled may have spent.

        Raises:
            BalanceMissing: There is no such key.
            InvalidCost: `cost` is negative.
            ServiceUnavailable: Neither Redis nor MySQL could tell.
        """
        if cost < 0:
            raise InvalidCost(cost)
        try:
            if key_id in self._diverged:
                await self._breaker.call(lambda: self._counter.forget(key_id))
                self._diverged.discard(key_id)
            taken = await self._take(key_id, cost)
        except ServiceUnavailable:
            return await self._spend_in_database(key_id, cost)
        if taken.existed:
            return await self._decided(key_id, cost, taken)
        return await self._first_use(key_id, cost)

    async def settle(self, key_id: str) -> None:
        """Have what this process spent of the key written to MySQL, before its balance is set or read there."""
        await self.replays.settle(key_id)

    async def invalidate(self, key_id: str) -> None:
        """Have the next spend read MySQL again. Call it after the commit; a failure is only logged."""
        try:
            await self._breaker.call(lambda: self._counter.forget(key_id))
        except ServiceUnavailable as error:
            self._remember_diverged(key_id)
            _log.warning("credit balance could not be invalidated", error=repr(error))

    async def _take(self, key_id: str, cost: int) -> Taken:
        return await self._breaker.call(lambda: self._counter.take(key_id, cost))

    async def _first_use(self, key_id: str, cost: int) -> CreditDecision:
        """Make a copy of the balance with this spend taken off; if someone else was faster, spend from theirs."""
        await self.replays.settle(key_id)
        balance = await self._balances.find(key_id)
        if balance is None:
            raise BalanceMissing
        if balance.remaining_requests is None:
            return CreditDecision(allowed=True, remaining=None)
        # While MySQL takes no writes, what it says is known to be too much by what waits here.
        remaining = max(0, balance.remaining_requests - self.replays.unwritten(key_id))
        enough = remaining >= cost
        left = remaining - cost if enough else remaining
        try:
            if await self._breaker.call(lambda: self._counter.start(key_id, left, ttl_ms=COPY_TTL_MS)):
                return await self._decided(key_id, cost, Taken(left, existed=True, taken=enough))
            taken = await self._take(key_id, cost)
        except ServiceUnavailable:
            return await self._spend_in_database(key_id, cost)
        if taken.existed:
            return await self._decided(key_id, cost, taken)
        return await self._spend_in_database(key_id, cost)

    async def _decided(self, key_id: str, cost: int, taken: Taken) -> CreditDecision:
        if not taken.taken:
            self.counts.redis_denied += 1
            return CreditDecision(allowed=False, remaining=taken.value)
        self.counts.redis_allowed += 1
        if cost:
            await self.replays.add(key_id, cost)
        return CreditDecision(allowed=True, remaining=taken.value)

    async def _spend_in_database(self, key_id: str, cost: int) -> CreditDecision:
        await self.replays.settle(key_id)
        left = await self._balances.spend(key_id, cost) if cost else None
        if left is not None:
            self._remember_diverged(key_id)
            self.counts.db_allowed += 1
            return CreditDecision(allowed=True, remaining=left)
        balance = await self._balances.find_current(key_id)
        if balance is None:
            raise BalanceMissing
        remaining = balance.remaining_requests
        allowed = remaining is None or cost == 0
        self.counts.db_allowed += allowed
        self.counts.db_denied += not allowed
        return CreditDecision(allowed=allowed, remaining=remaining)

    def _remember_diverged(self, key_id: str) -> None:
        """Note that a copy in Redis, if there is one, no longer follows MySQL."""
        if len(self._diverged) < MAX_DIVERGED:
            self._diverged.add(key_id)


@asynccontextmanager
async def open_credit_limiter(
    counter: CreditCounter,
    balances: CreditBalances,
    *,
    clock: Clock,
    observer: CreditObserver,
    on_breaker: Callable[[str, BreakerState], None] = lambda _name, _state: None,
    bounds: ReplayBounds | None = None,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[CreditLimiter]:
    """Run a credit limiter. On leaving, what was spent is written to MySQL within the bound for it."""
    writes = CircuitBreaker("usagelimiter_db_writes", clock, policy=WRITE_POLICY, on_call=on_breaker)
    replays = CreditReplays(balances, writes, clock=clock, observer=observer, bounds=bounds, sleep=sleep)
    breaker = CircuitBreaker("usagelimiter_counter", clock, policy=COUNTER_POLICY, on_call=on_breaker)
    try:
        yield CreditLimiter(counter, balances, replays, breaker)
    finally:
        await replays.close()
