"""The engine against a naive model, and against the accuracy it promises over many windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.clock import FixedClock
from tests.support.limiter import START, Node, check

Spend = tuple[str, int, int, int]
"""Identifier, limit, duration, cost."""

spends = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from([0, 1, 3, 10, 50]),
    st.sampled_from([1_000, 2_500, 60_000]),
    st.integers(0, 12),
)
steps = st.lists(
    st.tuples(st.sampled_from([0, 1, 137, 999, 1_000, 2_501, 5_000, 61_234, 400_000]), st.lists(spends, max_size=4)),
    max_size=40,
)


class Model:
    """Keeps every spend for ever and adds them up for each question."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int, int, int]] = []

    def used(self, identifier: str, duration_ms: int, now_ms: int, extra: Sequence[Spend]) -> int:
        start = now_ms - now_ms % duration_ms
        current = previous = 0
        for name, duration, when, cost in self.log:
            if (name, duration) == (identifier, duration_ms):
                current += cost * (start <= when < start + duration_ms)
                previous += cost * (start - duration_ms <= when < start)
        current += sum(cost for name, _, duration, cost in extra if (name, duration) == (identifier, duration_ms))
        exact = previous * (1 - Fraction(now_ms - start, duration_ms))
        rounded = int(previous * (1.0 - (now_ms - start) / duration_ms))
        assert abs(rounded - exact) <= 1
        return current + rounded

    def ask(self, batch: Sequence[Spend], now_ms: int) -> list[bool]:
        verdicts = [
            limit > 0 and self.used(identifier, duration, now_ms, batch[: index + 1]) <= limit
            for index, (identifier, limit, duration, _) in enumerate(batch)
        ]
        if all(verdicts):
            self.log += [(identifier, duration, now_ms, cost) for identifier, _, duration, cost in batch]
        return verdicts


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps, replays=st.booleans(), down=st.sets(st.integers(0, 39)), single=st.booleans())
async def test_one_node_decides_as_the_model_does(
    steps: list[tuple[int, list[Spend]]], *, replays: bool, down: set[int], single: bool
) -> None:
    """Whatever the order, the store's absence or the batching, one node is exactly a sliding window."""
    clock = FixedClock(START)
    node = Node(clock)
    model = Model()
    for number, (advance, batch) in enumerate(steps):
        clock.advance(advance)
        node.store.down = number in down
        groups = [[spend] for spend in batch] if single else [batch]
        for group in groups:
            checks = [check(cost, limit=limit, identifier=name, duration_ms=d) for name, limit, d, cost in group]
            if single:
                actual = [(await node.limiter.limit(checks[0])).success]
            else:
                actual = [decision.success for decision in (await node.limiter.limit_many(checks)).decisions]
            assert actual == model.ask(group, clock.now_ms())
        if replays:
            await node.replay()


@settings(max_examples=60, deadline=None)
@given(
    turns=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5), st.sampled_from([0, 50, 400, 6_000])), max_size=60)
)
async def test_nodes_of_a_region_never_undercount_themselves(turns: list[tuple[int, int, int]]) -> None:
    """With each spend replayed before the next, three nodes together are no laxer than fresh reads allow."""
    clock = FixedClock(START)
    first = Node(clock)
    nodes = [first, Node(clock, first.store), Node(clock, first.store)]
    admitted: dict[int, int] = {}
    for which, cost, advance in turns:
        clock.advance(advance)
        if (await nodes[which].ask(cost, limit=20)).success:
            window = clock.now_ms() // 60_000
            admitted[window] = admitted.get(window, 0) + cost
        await nodes[which].replay()
    assert all(total <= 3 * 20 for total in admitted.values())
    for window, total in admitted.items():
        assert first.store.value(f"ws-ns-u-60000:{window}") in {0, total}


@pytest.mark.parametrize("limit", [5, 100])
@pytest.mark.parametrize("duration_ms", [1_000, 5_000])
@pytest.mark.parametrize("load", [0.9, 1.0, 10.0])
async def test_accuracy_of_one_node_over_fifty_windows(limit: int, duration_ms: int, load: float) -> None:
    clock = FixedClock(START + 337)
    node = Node(clock)
    windows = 50
    per_second = max(1, math.ceil(limit * load * 1_000 / duration_ms))
    seconds = math.ceil(windows * duration_ms / 1_000)
    total = per_second * seconds
    ideal = min(windows * limit, total)
    passed = 0
    begun = clock.now_ms()
    for number in range(total):
        clock.set(begun + number * 1_000 // per_second)
        question = check(1, limit=limit, duration_ms=duration_ms)
        decision = node.limiter.try_limit_now(question) or await node.limiter.limit(question)
        passed += decision.success
        if number % 50 == 0:
            await node.replay()
    below = per_second * duration_ms / 1_000 <= limit
    low = math.floor(0.95 * (total if below else ideal))
    high = total if below else min(math.floor(1.2 * ideal), total)
    assert low <= passed <= high
