"""Batches: all or nothing."""

from __future__ import annotations

import pytest

from tests.support.clock import FixedClock
from tests.support.limiter import MINUTE, START, Node, check

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def node() -> Node:
    return Node(FixedClock(START))


async def test_a_failing_check_keeps_the_others_from_consuming(node: Node) -> None:
    node.set_counts(current=9, identifier="b")
    answer = await node.limiter.limit_many([check(1, identifier="a"), check(5, identifier="b")])
    assert not answer.passed
    assert [decision.success for decision in answer.decisions] == [True, False]
    assert [decision.remaining for decision in answer.decisions] == [10, 0]
    assert (node.cell(identifier="a").value, node.cell(identifier="b").value) == (0, 9)
    await node.replay()
    assert node.store.increments == []


async def test_only_failing_counters_become_strict(node: Node) -> None:
    await node.limiter.limit_many([check(1, identifier="a"), check(11, identifier="b")])
    assert node.counter(identifier="a").strict_until == 0
    assert node.counter(identifier="b").strict_until == START + MINUTE


async def test_passing_checks_all_consume_and_are_replayed(node: Node) -> None:
    answer = await node.limiter.limit_many(
        [check(1, identifier="a"), check(4, identifier="b"), check(0, identifier="c")]
    )
    assert answer.passed
    assert [decision.remaining for decision in answer.decisions] == [9, 6, 10]
    await node.replay()
    assert node.store.value(node.cell(identifier="b").store_key) == 4


async def test_checks_of_one_counter_see_each_other(node: Node) -> None:
    answer = await node.limiter.limit_many([check(6), check(5)])
    assert not answer.passed
    assert [(d.success, d.remaining, d.current) for d in answer.decisions] == [(True, 10, 6), (False, 0, 11)]
    assert node.cell().value == 0
    assert (await node.limiter.limit_many([check(6), check(4)])).passed
    assert node.cell().value == 10


async def test_a_limit_of_zero_fails_the_batch(node: Node) -> None:
    answer = await node.limiter.limit_many([check(1, identifier="a"), check(1, identifier="b", limit=0)])
    assert [decision.success for decision in answer.decisions] == [True, False]
    assert node.cell(identifier="a").value == 0


async def test_a_strict_counter_is_confirmed_with_the_store(node: Node) -> None:
    await node.ask(11, identifier="a")
    node.store.put(node.cell(identifier="a").store_key, 10)
    node.calls.take()
    answer = await node.limiter.limit_many([check(1, identifier="a"), check(1, identifier="b")])
    assert [decision.success for decision in answer.decisions] == [False, True]
    assert node.calls.take() == ["fetch_cold", "fetch_cold", "fetch_strict"]


async def test_one_round_trip_reads_all_cold_cells(node: Node) -> None:
    await node.limiter.limit_many([check(identifier=f"{number}") for number in range(50)])
    assert [len(keys) for keys in node.store.reads] == [100]


async def test_no_checks_pass(node: Node) -> None:
    assert await node.limiter.limit_many([]) == (True, ())


async def test_long_windows_follow_the_store(node: Node) -> None:
    async def ask(cost: int) -> list[tuple[bool, int]]:
        checks = [check(cost, limit=limit, duration_ms=duration) for limit, duration in ((10, DAY), (20, HOUR))]
        return [(d.success, d.remaining) for d in (await node.limiter.limit_many(checks)).decisions]

    assert await ask(0) == [(True, 10), (True, 20)]
    for duration in (DAY, HOUR):
        node.store.put(node.cell(duration_ms=duration).store_key, 8, ttl_seconds=100_000)
    node.clock.advance(600_000)
    assert await ask(0) == [(True, 2), (True, 12)]
    assert await ask(3) == [(False, 0), (True, 12)]
