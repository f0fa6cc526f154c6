"""Failures per address."""

from __future__ import annotations

import pytest

from tests.support.clock import FixedClock
from unkey_api.auth.guessing import FailureBuckets


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def buckets(clock: FixedClock) -> FailureBuckets:
    return FailureBuckets(burst=3, per_second=2, addresses=4, clock=clock, on_refused=lambda: None)


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
