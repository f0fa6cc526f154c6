"""One test for each way in which limiters are known to count wrongly."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.support.clock import FixedClock
from tests.support.limiter import MINUTE, START, Node, check
from unkey_api.areas.ratelimit.engine.types import Check

MONTH = 2_592_000_000


@pytest.fixture
def node() -> Node:
    return Node(FixedClock(START))


def stored(node: Node) -> dict[str, int]:
    """Return what was sent to the store, summed up."""
    sums: dict[str, int] = {}
    for key, amount, _ in itertools.chain.from_iterable(node.store.increments):
        sums[key] = sums.get(key, 0) + amount
    return sums


async def test_denied_requests_are_not_counted(node: Node) -> None:
    """Else a caller that keeps trying is locked out for good."""
    for _ in range(10):
        assert (await node.ask()).success
    for _ in range(100):
        assert not (await node.ask()).success
    node.clock.advance(MINUTE)
    node.clock.advance(MINUTE // 2)
    assert (await node.ask(0)).remaining == 5
    await node.replay()
    assert sum(stored(node).values()) == 10


async def test_a_denied_batch_counts_nothing(node: Node) -> None:
    for _ in range(5):
        await node.limiter.limit_many([check(identifier="a"), check(11, identifier="b")])
    await node.replay()
    assert stored(node) == {}
    assert (node.cell(identifier="a").value, node.cell(identifier="b").value) == (0, 0)


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (Check("other", "ns", "u", 10, MINUTE), False),
        (Check("ws", "other", "u", 10, MINUTE), False),
        (Check("ws", "ns", "other", 10, MINUTE), False),
        (Check("ws", "ns", "u", 10, 2 * MINUTE), False),
        (Check("ws", "ns", "u", 1_000, MINUTE), True),
        (Check("ws", "ns", "u", 10, MINUTE, time_ms=START + 1), True),
    ],
    ids=["workspace", "namespace", "identifier", "duration", "limit", "time"],
)
async def test_a_counter_is_workspace_namespace_identifier_and_duration(
    node: Node, other: Check, *, shared: bool
) -> None:
    """Here and in the store. Neither more, nor two limits of one counter would be counted apart, nor less."""
    await node.ask(7)
    decision = await node.limiter.limit(other)
    assert decision.current == (8 if shared else 1)
    await node.replay()
    assert sorted(stored(node).values()) == ([8] if shared else [1, 7])


async def test_names_that_look_alike_when_joined_are_apart_here(node: Node) -> None:
    """The store's key joins names with hyphens and escapes nothing, as others who read it expect."""
    await node.limiter.limit(Check("ws", "ns-a", "b", 10, MINUTE, 7))
    assert (await node.limiter.limit(Check("ws", "ns", "a-b", 10, MINUTE, 0))).remaining == 10


@pytest.mark.parametrize(("duration_ms", "seconds"), [(1_000, 3), (1_500, 4), (MINUTE, 180), (MONTH, 5_182_470)])
async def test_every_store_key_expires_once_it_cannot_weigh_any_more(
    node: Node, duration_ms: int, seconds: int
) -> None:
    """After three durations; where these are long, a minute after the next window has ended."""
    if duration_ms > MINUTE:
        node.clock.set(START // duration_ms * duration_ms + 1_590_000)
    await node.ask(duration_ms=duration_ms)
    await node.ask(0, duration_ms=duration_ms)
    await node.replay()
    assert [increment.ttl_seconds for batch in node.store.increments for increment in batch] == [seconds]


async def test_synchronising_does_not_count_twice(node: Node) -> None:
    """Neither sending, nor reading back what was sent, nor reading while something waits to be sent."""
    for number in range(1, 9):
        assert (await node.ask()).current == number
        if number % 2:
            await node.replay()
            await node.replay()
        node.clock.advance(5_000 if number % 3 == 0 else 10)
    await node.replay()
    assert sum(stored(node).values()) == 8
    assert node.cell().value == 8


async def test_two_nodes_do_not_count_each_others_spends_twice(node: Node) -> None:
    second = Node(node.clock, node.store)
    for _ in range(4):
        for one in (node, second):
            await one.ask()
            await one.replay()
        node.clock.advance(5_000)
    assert [(await one.ask(0)).remaining for one in (node, second)] == [2, 2]


@pytest.mark.parametrize("state", ["cold", "warm", "stale", "strict"])
async def test_parallel_calls_have_no_gap_between_looking_and_counting(node: Node, state: str) -> None:
    if state != "cold":
        await node.ask(0)
    if state == "stale":
        node.clock.advance(5_000)
    if state == "strict":
        await node.ask(11)
    answers = await asyncio.gather(*(node.ask() for _ in range(50)))
    assert sum(answer.success for answer in answers) == 10
    assert sorted(answer.remaining for answer in answers if answer.success) == list(range(10))


async def test_parallel_batches_have_no_gap_either(node: Node) -> None:
    batch = [check(identifier="a"), check(2, identifier="b")]
    answers = await asyncio.gather(*(node.limiter.limit_many(batch) for _ in range(30)))
    assert sum(answer.passed for answer in answers) == 5
    assert (node.cell(identifier="a").value, node.cell(identifier="b").value) == (5, 10)


@pytest.mark.parametrize("duration_ms", [1_000, MINUTE])
async def test_a_limit_of_one_admits_exactly_one(node: Node, duration_ms: int) -> None:
    answers = await asyncio.gather(*(node.ask(limit=1, duration_ms=duration_ms) for _ in range(20)))
    assert [answer.success for answer in answers].count(True) == 1
    node.clock.advance(duration_ms)
    assert not (await node.ask(limit=1, duration_ms=duration_ms)).success, "the whole last window still counts"
    node.clock.advance(duration_ms - 1)
    answers = await asyncio.gather(*(node.ask(limit=1, duration_ms=duration_ms) for _ in range(20)))
    assert [answer.success for answer in answers].count(True) == 1


@pytest.mark.parametrize("windows", [2, 3, 10])
async def test_expired_cells_are_not_counted(node: Node, windows: int) -> None:
    await node.ask(10)
    node.clock.advance(windows * MINUTE)
    assert (await node.ask(0)).remaining == 10


async def test_the_previous_window_stops_counting_when_it_is_one_duration_away(node: Node) -> None:
    await node.ask(10)
    node.clock.set(START + 2 * MINUTE - 1)
    assert (await node.ask(0)).remaining == 10
    node.clock.set(START + 2 * MINUTE - 7_000)
    assert (await node.ask(0)).remaining == 9


async def test_remaining_is_never_negative_and_never_grows_while_the_window_runs(node: Node) -> None:
    """Nothing is left over from the window before, so only spends can change it."""
    seen: list[int] = []
    for cost in (1, 3, 0, 20, 2, 1, 9, 4, 1, 0):
        node.clock.advance(5_500)
        decision = await node.ask(cost)
        if decision.success:
            seen.append(decision.remaining)
        else:
            assert decision.remaining == 0
        await node.replay()
    assert seen == sorted(seen, reverse=True)
    assert min(seen) >= 0


@pytest.mark.parametrize("into_ms", [0, 1, 30_000, 59_999])
async def test_reset_is_the_end_of_the_running_cell(node: Node, into_ms: int) -> None:
    node.clock.advance(into_ms)
    assert [(await node.ask(cost)).reset_ms for cost in (0, 10, 11)] == [START + MINUTE] * 3
    batch = await node.limiter.limit_many([check(0), check(11)])
    assert [decision.reset_ms for decision in batch.decisions] == [START + MINUTE] * 2


async def test_counts_of_a_store_that_lost_its_data_are_not_believed(node: Node) -> None:
    await node.ask(10)
    await node.replay()
    node.store.put(node.cell().store_key, 0)
    node.clock.advance(5_000)
    assert not (await node.ask()).success
