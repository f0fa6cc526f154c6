"""Failures per address."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.support.clock import FixedClock
from tests.support.waiting import settle
from unkey_api.auth.guessing import FailureBuckets, Tarpit


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def buckets(clock: FixedClock) -> FailureBuckets:
    return made(clock)


def made(clock: FixedClock, *, seconds: float = 0.0, told: Counter[str] | None = None) -> FailureBuckets:
    """Return buckets for three failures; `told` hears what is counted."""
    heard: Counter[str] = Counter() if told is None else told
    return FailureBuckets(
        burst=3,
        per_second=2,
        addresses=4,
        clock=clock,
        tarpit=Tarpit(seconds=seconds, per_party=1, in_all=1),
        on_refused=lambda: heard.update(["refused"]),
        on_held=lambda: heard.update(["held"]),
    )


def fail(buckets: FailureBuckets, address: str, times: int = 1) -> None:
    for _ in range(times):
        buckets.begin(address)
        buckets.end(address, failed=True)


def test_an_address_may_fail_so_often_at_once(buckets: FailureBuckets) -> None:
    for _ in range(3):
        assert buckets.seconds_to_wait("192.0.2.1") == 0
        fail(buckets, "192.0.2.1")
    assert buckets.seconds_to_wait("192.0.2.1") == 1
    assert buckets.seconds_to_wait("192.0.2.2") == 0


def test_failures_run_out(buckets: FailureBuckets, clock: FixedClock) -> None:
    fail(buckets, "192.0.2.1", 3)
    clock.advance(499)
    assert buckets.seconds_to_wait("192.0.2.1") == 1
    clock.advance(1)
    assert buckets.seconds_to_wait("192.0.2.1") == 0
    fail(buckets, "192.0.2.1")
    assert buckets.seconds_to_wait("192.0.2.1") == 1
    clock.advance(3_600_000)
    fail(buckets, "192.0.2.1", 2)
    assert buckets.seconds_to_wait("192.0.2.1") == 0


def test_what_succeeds_costs_nothing_and_leaves_nothing(buckets: FailureBuckets) -> None:
    for _ in range(100):
        buckets.begin("192.0.2.1")
        buckets.end("192.0.2.1", failed=False)
    assert len(buckets) == 0


def test_a_cold_start_is_nobodys_guess(buckets: FailureBuckets) -> None:
    """Many good keys that are not cached yet, all waiting for a slow database."""
    for _ in range(100):
        buckets.begin("192.0.2.1")
    assert buckets.seconds_to_wait("192.0.2.1") == 0


def test_guesses_that_wait_count_beside_those_that_failed(buckets: FailureBuckets) -> None:
    """Otherwise as many could be sent at once as there are connections."""
    fail(buckets, "192.0.2.1")
    buckets.begin("192.0.2.1")
    buckets.begin("192.0.2.1")
    assert buckets.seconds_to_wait("192.0.2.1") == 1
    buckets.end("192.0.2.1", failed=False)
    assert buckets.seconds_to_wait("192.0.2.1") == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8::1", "2001:db8::ffff:1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("", "/run/unkey.sock")],
)
def test_one_party_has_one_bucket(buckets: FailureBuckets, one: str, other: str) -> None:
    fail(buckets, one, 3)
    assert buckets.seconds_to_wait(other) == 1


def test_another_64_is_another_party(buckets: FailureBuckets) -> None:
    fail(buckets, "2001:db8:0:1::1", 3)
    assert buckets.seconds_to_wait("2001:db8:0:2::1") == 0


def test_only_so_many_addresses_are_watched(buckets: FailureBuckets) -> None:
    fail(buckets, "192.0.2.1", 3)
    for last in range(2, 200):
        fail(buckets, f"192.0.2.{last}")
        fail(buckets, "192.0.2.1")
        assert len(buckets) <= 4
    assert buckets.seconds_to_wait("192.0.2.1") > 0


def test_whether_any_is_full_is_known_without_looking_for_it(buckets: FailureBuckets, clock: FixedClock) -> None:
    seen = []
    for address, times, milliseconds in (("192.0.2.1", 2, 0), ("192.0.2.1", 1, 0), ("192.0.2.2", 1, 499), ("", 0, 1)):
        fail(buckets, address, times)
        clock.advance(milliseconds)
        seen.append(buckets.any_full())
    assert seen == [False, True, True, False]
    assert buckets.seconds_to_wait("192.0.2.1") == 0


async def test_what_waits_is_counted_and_what_finds_no_room_is_not(clock: FixedClock) -> None:
    told: Counter[str] = Counter()
    buckets = made(clock, seconds=3_600, told=told)
    first = asyncio.ensure_future(buckets.hold("192.0.2.1"))
    await settle()
    await buckets.hold("192.0.2.1")
    assert told.total() == 0
    first.cancel()
    await made(clock, seconds=0.001, told=told).hold("192.0.2.1")
    assert told == {"held": 1}
