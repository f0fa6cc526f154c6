"""The region's store: what the limiter needs of it, and how it is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol, TypeVar

from unkey_api.areas.ratelimit.engine.counts import LimiterObserver, StoreOperation
from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.resilience.breaker import BreakerPolicy, CircuitBreaker, DependencyTimeout, failure_reason

REST_TURNS = 16  # turns of the loop: nothing on an idle process, milliseconds on a busy one


async def rest() -> None:
    """Let whatever is ready run first, so that what comes meanwhile travels together."""
    for _ in range(REST_TURNS):
        await asyncio.sleep(0)


T = TypeVar("T")

READ_SECONDS = 0.3  # a request waits at most this long for the store before it is decided without
SYNC_SECONDS = 2.0

STORE_POLICY = BreakerPolicy(
    trip_ratio=0.5, min_calls=20, cycle=timedelta(seconds=5), open_for=timedelta(seconds=5), trial_calls=10
)


class Increment(NamedTuple):
    """An amount to add to one counter."""

    key: str
    amount: int
    """0 is allowed and creates the counter."""
    ttl_seconds: int
    """Lifetime given to a counter that is new."""


class CounterStore(Protocol):
    """Counters shared by the nodes of one region. Both methods raise `ServiceUnavailable` when they cannot answer."""

    async def read_many(self, keys: Sequence[str]) -> list[int]:
        """Return the counts in order, 0 for counters that do not exist."""
        ...

    async def increment_many(self, increments: Sequence[Increment]) -> list[int | None]:
        """Add each amount and return the new counts in order; None for one that could not be added to."""
        ...


class GuardedStore:
    """A `CounterStore` behind a time limit and a circuit breaker."""

    def __init__(self, store: CounterStore, breaker: CircuitBreaker, clock: Clock, observer: LimiterObserver) -> None:
        self._store = store
        self._breaker = breaker
        self._clock = clock
        self._observer = observer

    async def read(self, keys: Sequence[str], operations: Sequence[StoreOperation]) -> list[int]:
        """Return the counts; `operations` says, for metrics, why each is wanted.

        Raises:
            ServiceUnavailable: No answer, or not asked because it keeps failing.
        """
        return await self._call(lambda: self._store.read_many(keys), READ_SECONDS, Counter(operations))

    async def add(self, increments: Sequence[Increment]) -> list[int | None]:
        """Add and return the new counts.

        Raises:
            ServiceUnavailable: As for `read`; the amounts may or may not have been added.
        """
        operations = {StoreOperation.SYNC: len(increments)}
        return await self._call(lambda: self._store.increment_many(increments), SYNC_SECONDS, operations)

    async def _call(
        self, ask: Callable[[], Awaitable[T]], seconds: float, operations: Mapping[StoreOperation, int]
    ) -> T:
        async def bounded() -> T:
            try:
                async with asyncio.timeout(seconds):
                    return await ask()
            except TimeoutError as error:
                raise DependencyTimeout("counter store", seconds) from error

        started = self._clock.monotonic()
        failure: str | None = None
        try:
            return await self._breaker.call(bounded)
        except ServiceUnavailable as error:
            failure = failure_reason(error)
            raise
        finally:
            spent = self._clock.monotonic() - started
            for operation, counters in operations.items():
                self._observer.store_called(operation, counters, spent, failure)
