"""The credit limiter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog

from unkey_api.areas.keys.credits.ports import CreditBalances, CreditCounter, CreditObserver
from unkey_api.areas.keys.credits.replays import CreditReplays, ReplayBounds
from unkey_api.areas.keys.credits.types import EPOCHS_PER_MS, Balance, BalanceMissing, CreditDecision, InvalidCost
from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.redis.counters import Base, Taken, Tally
from unkey_api.infra.resilience.breaker import BreakerPolicy, BreakerState, CircuitBreaker
from unkey_api.infra.resilience.tasks import Sleep

T = TypeVar("T")

COPY_TTL_MS = 60_000  # how long a balance set in MySQL by other means, such as a refill, may stay unseen
EARLY_COPY_TTL_MS = 2_000  # of the copies right after Redis lost a tally: others may still be writing what it held
START_ATTEMPTS = 3  # each is spoiled by a change of the balance in the middle of it
ROUNDS = 50  # of waiting for a copy that others make, only to find that it has ended already
INT64_MAX = 2**63 - 1
MAX_DIVERGED = 10_000  # keys spent in MySQL while Redis was away that are remembered

COUNTER_POLICY = BreakerPolicy(
    trip_failures=5, cycle=timedelta(seconds=5), open_for=timedelta(seconds=5), trial_calls=10
)
WRITE_POLICY = BreakerPolicy(
    trip_failures=5, cycle=timedelta(seconds=5), open_for=timedelta(seconds=60), trial_calls=10
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _CounterAway(Exception):
    """Redis gave no answer; the cause says why."""


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
        self,
        counter: CreditCounter,
        balances: CreditBalances,
        replays: CreditReplays,
        breaker: CircuitBreaker,
        clock: Clock,
        salt: int,
    ) -> None:
        """Put the parts together; `open_credit_limiter` does that and drains on leaving."""
        self.counts = CreditCounts()
        self._counter = counter
        self._balances = balances
        self.replays = replays
        """What waits for MySQL; public to be watched."""
        self._breaker = breaker
        self._clock = clock
        self._salt = salt % EPOCHS_PER_MS
        self._diverged: set[str] = set()
        self._making: dict[str, asyncio.Future[bool]] = {}
        """Copies being made by this process; True once there is one, False for a key that needs none."""

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
        if key_id in self._diverged:
            return await self._spend_from_new_copy(key_id, cost)
        try:
            taken = await self._take(key_id, cost)
        except _CounterAway:
            return await self._spend_in_database(key_id, cost)
        return self._decided(taken) if taken.existed else await self._spend_from_new_copy(key_id, cost)

    async def flush(self, key_id: str) -> None:
        """Have what every process spent of the key written to MySQL, before its balance is set or read there.

        Never raises. Without Redis it is what this process spent; after two seconds it is still coming.
        """
        try:
            tally = await self._ask(lambda: self._counter.tally(key_id))
        except _CounterAway:
            tally = None
        if tally is not None and tally.granted:
            await self.replays.add(key_id, tally.epoch, tally.granted)
        await self.replays.flush(key_id)

    async def invalidate(self, key_id: str) -> None:
        """Have the next spend read MySQL again. Call it after the commit; a failure is only logged."""
        try:
            await self._ask(lambda: self._counter.forget(key_id))
        except _CounterAway as error:
            self._remember_diverged(key_id)
            _log.warning("credit balance could not be invalidated", error=repr(error.__cause__))

    async def _take(self, key_id: str, cost: int) -> Taken:
        """Spend from the copy if there is one, and have that written."""
        taken = await self._ask(lambda: self._counter.take(key_id, cost))
        if cost and taken.taken:
            await self.replays.add(key_id, taken.epoch, taken.granted)
        return taken

    async def _spend_from_new_copy(self, key_id: str, cost: int) -> CreditDecision:
        """Make a copy of the balance and spend from it, or from the one that somebody else has made meanwhile.

        One request of a process makes it, the others wait for what becomes of that. Whoever makes one after an outage
        first outdates what others are making: many at once would keep each other in MySQL for as long as they come.
        """
        attempts = 0
        for _ in range(ROUNDS):
            making = self._making.get(key_id)
            try:
                if making is None:
                    if attempts == START_ATTEMPTS:
                        break
                    attempts += 1
                    taken = await self._make_for_all(key_id, cost)
                elif await asyncio.shield(making):
                    taken = await self._take(key_id, cost)
                else:
                    taken = None
            except _CounterAway:
                break
            if taken is None:
                return CreditDecision(allowed=True, remaining=None)
            if taken.existed:
                return self._decided(taken)
        return await self._spend_in_database(key_id, cost)

    async def _make_for_all(self, key_id: str, cost: int) -> Taken | None:
        """Make a copy, and tell those who wait for it whether one is needed, or what went wrong."""
        made = self._making[key_id] = asyncio.get_running_loop().create_future()
        try:
            taken = await self._first_use(key_id, cost)
            made.set_result(taken is not None)
        except Exception as error:
            made.set_exception(error)
            made.exception()  # there may be nobody who waits
            raise
        finally:
            del self._making[key_id]
            if not made.done():
                made.set_result(True)  # this caller has left; one of the others goes on
        return taken

    async def _first_use(self, key_id: str, cost: int) -> Taken | None:
        """Make a copy unless it was outdated meanwhile, and take from it; None for a key without a limit."""
        if key_id in self._diverged:
            await self._ask(lambda: self._counter.forget(key_id))
            self._diverged.discard(key_id)
        # First the tally, then the balance: a change of the balance that is not in it outdates the version.
        tally = await self._ask(lambda: self._counter.open(key_id, self._new_epoch()))
        if self.replays.owed_elsewhere(key_id, tally.epoch):
            await self.replays.flush(key_id)
        balance = await self._find_begun(key_id, tally.epoch)
        if balance.remaining_requests is None:
            return None
        base = self._base(key_id, tally, balance)
        taken = await self._ask(lambda: self._counter.start(key_id, cost, base))
        # Also what a process granted that died before it could write.
        if taken.existed and taken.granted > base.written:
            await self.replays.add(key_id, taken.epoch, taken.granted)
        return taken

    async def _find_begun(self, key_id: str, epoch: int) -> Balance:
        """Return the balance of a limited key once MySQL knows of the epoch."""
        balance = await self._balances.find(key_id, epoch)
        if balance is not None and balance.remaining_requests is not None and balance.written is None:
            await self._balances.begin(key_id, epoch)
            balance = await self._balances.find(key_id, epoch)
        if balance is None:
            raise BalanceMissing
        if balance.written is not None:
            self.replays.seen(key_id, epoch, balance.written)
        return balance

    def _base(self, key_id: str, tally: Tally, balance: Balance) -> Base:
        """Say what a copy is made of. What waits here of a tally that Redis has lost is known to be missing."""
        young = self._new_epoch() - tally.epoch < COPY_TTL_MS * EPOCHS_PER_MS
        owed = self.replays.owed_elsewhere(key_id, tally.epoch)
        left = min(balance.remaining_requests or 0, INT64_MAX) - owed
        ttl_ms = EARLY_COPY_TTL_MS if balance.earlier and young else COPY_TTL_MS
        return Base(tally.epoch, tally.version, max(0, left), balance.written or 0, ttl_ms)

    def _new_epoch(self) -> int:
        return self._clock.now_ms() * EPOCHS_PER_MS + self._salt

    def _decided(self, taken: Taken) -> CreditDecision:
        self.counts.redis_denied += not taken.taken
        self.counts.redis_allowed += taken.taken
        return CreditDecision(allowed=taken.taken, remaining=taken.value)

    async def _ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Ask the counter. Raises `_CounterAway`, so that its failures are not taken for those of MySQL."""
        try:
            return await self._breaker.call(work)
        except ServiceUnavailable as error:
            raise _CounterAway from error

    async def _spend_in_database(self, key_id: str, cost: int) -> CreditDecision:
        await self.replays.flush(key_id)
        left = await self._balances.spend(key_id, cost) if cost else None
        if left is not None:
            self._remember_diverged(key_id)
            self.counts.db_allowed += 1
            return CreditDecision(allowed=True, remaining=left)
        balance = await self._balances.find(key_id)
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
async def open_credit_limiter(  # noqa: PLR0913 - its two stores, and what a process or a test chooses by name
    counter: CreditCounter,
    balances: CreditBalances,
    *,
    clock: Clock,
    observer: CreditObserver,
    salt: int = 0,
    on_breaker: Callable[[str, BreakerState], None] = lambda _name, _state: None,
    bounds: ReplayBounds | None = None,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[CreditLimiter]:
    """Run a credit limiter. On leaving, what was spent is written to MySQL within the bound for it.

    `salt` tells epochs of this process from those that others begin in the same millisecond behind another Redis.
    """
    writes = CircuitBreaker("usagelimiter_db_writes", clock, policy=WRITE_POLICY, on_call=on_breaker)
    replays = CreditReplays(balances, writes, clock=clock, observer=observer, bounds=bounds, sleep=sleep)
    breaker = CircuitBreaker("usagelimiter_counter", clock, policy=COUNTER_POLICY, on_call=on_breaker)
    try:
        yield CreditLimiter(counter, balances, replays, breaker, clock, salt)
    finally:
        await replays.close()
