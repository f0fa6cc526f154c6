"""Circuit breaker: after enough failures, fail at once instead of waiting for more. And the failures it tells apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable

_PUBLIC = "A dependency of this service is unavailable. Please try again."


class NotAttempted(ServiceUnavailable):
    """Nothing can have happened at the dependency: it was not asked, or refused before doing anything."""


class CircuitOpen(NotAttempted):
    """The breaker refused the call; the dependency was not asked."""

    def __init__(self, name: str) -> None:
        super().__init__(_PUBLIC, internal=f"circuit breaker {name} is open")


class DependencyTimeout(ServiceUnavailable):
    """No answer within the time allowed. Whether the dependency acted is unknown."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(_PUBLIC, internal=f"{what} gave no answer within {seconds:.3f} s")


def failure_reason(error: BaseException) -> str:
    """Return the metric label of a failed call: `circuit_open`, `timeout` or `other`."""
    if isinstance(error, CircuitOpen):
        return "circuit_open"
    if isinstance(error, DependencyTimeout | TimeoutError):
        return "timeout"
    return "other"


T = TypeVar("T")


class BreakerState(StrEnum):
    """Where a breaker stands. The value is the `action` label of its metric."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "halfopen"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to trip and how to come back."""

    trip_failures: int = 5
    """Failures within one cycle that trip; ignored when `trip_ratio` is set."""
    trip_ratio: float | None = None
    """Share of failed calls, above 0 and at most 1, that trips once `min_calls` have ended in the cycle."""
    min_calls: int = 1
    """Calls that must have ended in the cycle before the ratio means anything."""
    cycle: timedelta = timedelta(seconds=5)
    """Counters start again after this long, so that old failures do not add up."""
    open_for: timedelta = timedelta(minutes=1)
    """How long calls are refused after tripping."""
    trial_calls: int = 10
    """Calls let through when half open; that many successes in a row close the breaker."""


class CircuitBreaker:
    """Guard of one dependency. Closed: calls pass. Open: refused. Half open: a few trials decide.

    Tripping starts the open time, and a failed trial opens the breaker again, so a dependency that stays down costs
    one trial per open time.
    """

    __slots__ = (
        "_clock",
        "_counts",
        "_cycle_ends",
        "_cycle_seconds",
        "_failures",
        "_on_call",
        "_open_seconds",
        "_open_until",
        "_policy",
        "_state",
        "_streak",
        "_total",
        "_trials",
        "name",
    )

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        policy: BreakerPolicy | None = None,
        counts: Callable[[Exception], bool] = lambda _: True,
        on_call: Callable[[str, BreakerState], None] = lambda _name, _state: None,
    ) -> None:
        """Start closed.

        Args:
            name: Label of the metric.
            clock: Source of `monotonic`.
            policy: Thresholds; defaults as in `BreakerPolicy`.
            counts: Says whether an error speaks against the dependency. Others count as success.
            on_call: Told (name, state seen) for every attempted call, refused ones included.
        """
        self.name = name
        self._clock = clock
        self._policy = policy or BreakerPolicy()
        self._counts = counts
        self._on_call = on_call
        self._state = BreakerState.CLOSED
        self._open_until = 0.0
        self._trials = 0
        self._total = 0
        self._failures = 0
        self._streak = 0
        self._cycle_seconds = self._policy.cycle.total_seconds()
        self._open_seconds = self._policy.open_for.total_seconds()
        self._cycle_ends = clock.monotonic() + self._cycle_seconds

    @property
    def state(self) -> BreakerState:
        """The state the next call will see."""
        if self._state is BreakerState.OPEN and self._clock.monotonic() >= self._open_until:
            return BreakerState.HALF_OPEN
        return self._state

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` and count how it ends. A cancelled call counts neither way.

        Raises:
            CircuitOpen: Refused; `work` was not run.
        """
        self._before()
        try:
            result = await work()
        except asyncio.CancelledError:
            self._abandon()
            raise
        except Exception as error:
            self._after(ok=not self._counts(error))
            raise
        self._after(ok=True)
        return result

    def _before(self) -> None:
        now = self._clock.monotonic()
        if now >= self._cycle_ends and self._state is BreakerState.CLOSED:
            self._reset_counters(now)
        if self._state is BreakerState.OPEN and now >= self._open_until:
            self._state = BreakerState.HALF_OPEN
            self._trials = 0
            self._reset_counters(now)
        self._on_call(self.name, self._state)
        if self._state is BreakerState.OPEN:
            raise CircuitOpen(self.name)
        if self._state is BreakerState.HALF_OPEN:
            if self._trials >= self._policy.trial_calls:
                raise CircuitOpen(self.name)
            self._trials += 1

    def _abandon(self) -> None:
        if self._state is BreakerState.HALF_OPEN and self._trials > 0:
            self._trials -= 1  # an unfinished trial must not use up the quota for good

    def _after(self, *, ok: bool) -> None:
        if self._state is BreakerState.OPEN:
            return  # started before the trip; it says nothing new
        self._total += 1
        if ok:
            self._streak += 1
            if self._state is BreakerState.HALF_OPEN and self._streak >= self._policy.trial_calls:
                self._state = BreakerState.CLOSED
                self._reset_counters(self._clock.monotonic())
            return
        self._failures += 1
        self._streak = 0
        if self._state is BreakerState.HALF_OPEN or self._over_threshold():
            self._state = BreakerState.OPEN
            self._open_until = self._clock.monotonic() + self._open_seconds

    def _over_threshold(self) -> bool:
        policy = self._policy
        if policy.trip_ratio is None:
            return self._failures >= policy.trip_failures
        return self._total >= policy.min_calls and self._failures / self._total >= min(policy.trip_ratio, 1.0)

    def _reset_counters(self, now: float) -> None:
        self._total = 0
        self._failures = 0
        self._streak = 0
        self._cycle_ends = now + self._cycle_seconds
