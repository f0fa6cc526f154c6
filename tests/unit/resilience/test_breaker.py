"""The circuit breaker: when it trips, and how it comes back."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.clock import FixedClock
from unkey_api.infra.resilience.breaker import BreakerPolicy, BreakerState, CircuitBreaker, CircuitOpen


class Dependency:
    def __init__(self) -> None:
        self.calls = 0
        self.fails = True

    async def __call__(self) -> str:
        self.calls += 1
        if self.fails:
            raise ValueError("down")
        return "up"


def state_of(breaker: CircuitBreaker) -> BreakerState:
    """Read the state through a call, so that an earlier assertion is not taken for the present."""
    return breaker.state


async def failing_calls(breaker: CircuitBreaker, dependency: Dependency, times: int) -> None:
    dependency.fails = True
    for _ in range(times):
        with pytest.raises((ValueError, CircuitOpen)):
            await breaker.call(dependency)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def dependency() -> Dependency:
    return Dependency()


async def test_five_failures_trip_and_open_calls_do_not_reach_the_dependency(
    clock: FixedClock, dependency: Dependency
) -> None:
    breaker = CircuitBreaker("b", clock)
    await failing_calls(breaker, dependency, 4)
    assert state_of(breaker) is BreakerState.CLOSED
    await failing_calls(breaker, dependency, 1)
    assert state_of(breaker) is BreakerState.OPEN
    await failing_calls(breaker, dependency, 7)
    assert dependency.calls == 5


async def test_failures_of_an_earlier_cycle_do_not_add_up(clock: FixedClock, dependency: Dependency) -> None:
    breaker = CircuitBreaker("b", clock)
    await failing_calls(breaker, dependency, 4)
    clock.advance(5_000)
    await failing_calls(breaker, dependency, 4)
    assert state_of(breaker) is BreakerState.CLOSED


async def test_open_time_starts_when_it_trips(clock: FixedClock, dependency: Dependency) -> None:
    """A breaker that lived long before its first trip must not be half open at once."""
    breaker = CircuitBreaker("b", clock)
    clock.advance(3_600_000)
    await failing_calls(breaker, dependency, 5)
    clock.advance(59_999)
    assert state_of(breaker) is BreakerState.OPEN
    clock.advance(1)
    assert state_of(breaker) is BreakerState.HALF_OPEN


async def test_quota_of_successes_closes_a_half_open_breaker(clock: FixedClock, dependency: Dependency) -> None:
    breaker = CircuitBreaker("b", clock)
    await failing_calls(breaker, dependency, 5)
    clock.advance(60_000)
    dependency.fails = False
    for _ in range(9):
        assert await breaker.call(dependency) == "up"
    assert state_of(breaker) is BreakerState.HALF_OPEN
    await breaker.call(dependency)
    assert state_of(breaker) is BreakerState.CLOSED


async def test_a_failed_trial_opens_it_again_for_the_whole_time(clock: FixedClock, dependency: Dependency) -> None:
    breaker = CircuitBreaker("b", clock)
    await failing_calls(breaker, dependency, 5)
    clock.advance(60_000)
    await failing_calls(breaker, dependency, 3)
    assert dependency.calls == 6
    clock.advance(59_999)
    assert state_of(breaker) is BreakerState.OPEN


async def test_half_open_lets_only_the_quota_through_at_once(clock: FixedClock, dependency: Dependency) -> None:
    breaker = CircuitBreaker("b", clock, policy=BreakerPolicy(trial_calls=3))
    await failing_calls(breaker, dependency, 5)
    clock.advance(60_000)
    gate = asyncio.Event()
    trials = [asyncio.create_task(breaker.call(gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(CircuitOpen):
        await breaker.call(dependency)
    gate.set()
    await asyncio.gather(*trials)
    assert state_of(breaker) is BreakerState.CLOSED


async def test_cancelled_trials_give_their_place_back(clock: FixedClock, dependency: Dependency) -> None:
    """Otherwise clients that hang up during recovery would keep the breaker half open for ever."""
    breaker = CircuitBreaker("b", clock, policy=BreakerPolicy(trial_calls=2))
    await failing_calls(breaker, dependency, 5)
    clock.advance(60_000)
    for _ in range(5):
        trial = asyncio.create_task(breaker.call(asyncio.Event().wait))
        await asyncio.sleep(0)
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)
    dependency.fails = False
    await breaker.call(dependency)
    await breaker.call(dependency)
    assert state_of(breaker) is BreakerState.CLOSED


async def test_ratio_needs_enough_calls_and_replaces_the_count(clock: FixedClock, dependency: Dependency) -> None:
    breaker = CircuitBreaker("b", clock, policy=BreakerPolicy(trip_ratio=0.5, min_calls=20))
    await failing_calls(breaker, dependency, 10)
    dependency.fails = False
    for _ in range(9):
        await breaker.call(dependency)
    assert state_of(breaker) is BreakerState.CLOSED
    await failing_calls(breaker, dependency, 1)
    assert state_of(breaker) is BreakerState.OPEN


async def test_errors_that_do_not_count_leave_it_closed(clock: FixedClock, dependency: Dependency) -> None:
    breaker = CircuitBreaker("b", clock, counts=lambda error: not isinstance(error, ValueError))
    await failing_calls(breaker, dependency, 50)
    assert dependency.calls == 50


async def test_every_call_is_reported_under_the_state_it_met(clock: FixedClock, dependency: Dependency) -> None:
    seen: list[tuple[str, BreakerState]] = []
    breaker = CircuitBreaker("b", clock, on_call=lambda name, state: seen.append((name, state)))
    await failing_calls(breaker, dependency, 6)
    clock.advance(60_000)
    await failing_calls(breaker, dependency, 1)
    assert seen == [("b", BreakerState.CLOSED)] * 5 + [("b", BreakerState.OPEN), ("b", BreakerState.HALF_OPEN)]
