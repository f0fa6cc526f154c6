"""What holds for every sequence of spends within a window, whoever spends, in whatever order, alone or together."""

from __future__ import annotations

import asyncio
import itertools
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import FixedClock
from tests.support.limiter import MINUTE, START, Node, check
from unkey_api.areas.ratelimit.engine.types import Check, Decision


class Turn(NamedTuple):
    """A node is asked, all checks together if there are several."""

    node: int
    costs: list[int]
    wait_ms: int
    replay: bool
    store_down: bool


turns = st.lists(
    st.builds(
        Turn,
        node=st.integers(0, 2),
        costs=st.lists(st.integers(0, 12), min_size=1, max_size=3),
        wait_ms=st.sampled_from([0, 1, 900, 5_000]),
        replay=st.booleans(),
        store_down=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


def nodes_of_a_region(count: int) -> list[Node]:
    clock = FixedClock(START)
    first = Node(clock)
    return [first, *(Node(clock, first.store) for _ in range(count - 1))]


async def take(nodes: list[Node], turn: Turn, *, limit: int = 10) -> tuple[list[Check], list[Decision]]:
    node = nodes[turn.node % len(nodes)]
    node.clock.advance(turn.wait_ms)
    node.store.down = turn.store_down
    checks = [check(cost, limit=limit) for cost in turn.costs]
    if len(checks) == 1:
        decisions = [node.limiter.try_limit_now(checks[0]) or await node.limiter.limit(checks[0])]
    else:
        decisions = list((await node.limiter.limit_many(checks)).decisions)
    if turn.replay:
        await node.replay()
    return checks, decisions


@settings(max_examples=200, deadline=None)
@given(turns=turns)
async def test_what_is_counted_is_what_was_admitted(turns: list[Turn]) -> None:
    """To the unit: nothing of a denied check or of a batch that failed, and nothing twice, here and in the store."""
    (node,) = nodes = nodes_of_a_region(1)
    admitted = 0
    for turn in turns:
        checks, decisions = await take(nodes, turn._replace(store_down=False))
        if all(decision.success for decision in decisions):
            admitted += sum(each.cost for each in checks)
        assert node.cell().value == admitted <= 10
    await node.replay()
    sent = sum(increment.amount for increment in itertools.chain.from_iterable(node.store.increments))
    assert sent == admitted == node.store.value(f"ws-ns-u-{MINUTE}:{START // MINUTE}")


@settings(max_examples=200, deadline=None)
@given(turns=turns)
async def test_remaining_never_grows_within_a_window_and_reset_is_its_end(turns: list[Turn]) -> None:
    """As a caller of one node sees it, whatever other nodes spend and whether the store is there."""
    nodes = nodes_of_a_region(3)
    least = [10, 10, 10]
    for turn in turns:
        checks, decisions = await take(nodes, turn)
        # A check of a failed batch is answered with what would be left without it.
        answers = [(each.cost, decision) for each, decision in zip(checks, decisions, strict=True)]
        for _, decision in answers:
            assert 0 <= decision.remaining <= 10
            assert decision.reset_ms == START + MINUTE
        if len(answers) == 1 and answers[0][1].success:
            assert answers[0][1].remaining <= least[turn.node]
            least[turn.node] = answers[0][1].remaining


@settings(max_examples=200, deadline=None)
@given(turns=turns)
async def test_nodes_together_admit_no_more_than_each_its_limit(turns: list[Turn]) -> None:
    nodes = nodes_of_a_region(3)
    admitted = [0, 0, 0]
    for turn in turns:
        checks, decisions = await take(nodes, turn)
        if all(decision.success for decision in decisions):
            admitted[turn.node] += sum(each.cost for each in checks)
    assert max(admitted) <= 10


@settings(max_examples=100, deadline=None)
@given(before=st.lists(st.sampled_from(["single", "batch", "replay", "wait"]), max_size=4), at_once=st.integers(1, 20))
async def test_a_limit_of_one_admits_exactly_one(before: list[str], at_once: int) -> None:
    (node,) = nodes_of_a_region(1)
    one = check(limit=1)
    admitted = 0
    for step in before:
        if step == "single":
            admitted += (await node.limiter.limit(one)).success
        elif step == "batch":
            admitted += (await node.limiter.limit_many([one, check(0, limit=1)])).passed
        elif step == "replay":
            await node.replay()
        else:
            node.clock.advance(5_000)
    asked = [node.limiter.limit(one) if number % 2 else _batch(node, one) for number in range(at_once)]
    admitted += sum(await asyncio.gather(*(_passed(each) for each in asked)))
    assert admitted == 1


async def _batch(node: Node, one: Check) -> Decision:
    return (await node.limiter.limit_many([one])).decisions[0]


async def _passed(decision: object) -> bool:
    return bool((await decision).success)  # type: ignore[misc]  # both kinds of coroutine


@settings(max_examples=100, deadline=None)
@given(asks=st.lists(st.tuples(st.integers(1_000, 100_000_000), st.integers(0, 3)), min_size=1, max_size=8))
async def test_every_key_of_the_store_lives_for_three_durations(asks: list[tuple[int, int]]) -> None:
    (node,) = nodes_of_a_region(1)
    for duration_ms, cost in asks:
        await node.ask(cost, duration_ms=duration_ms)
    await node.replay()
    for key, _, seconds in itertools.chain.from_iterable(node.store.increments):
        duration_ms = int(key.rpartition(":")[0].rpartition("-")[2])
        assert seconds == 3 * duration_ms // 1_000
        assert seconds >= 3
