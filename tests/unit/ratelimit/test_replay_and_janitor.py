"""What happens behind the answers: replays, the janitor, opening and closing."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence

import pytest

from tests.support.clock import FixedClock
from tests.support.counters import MemoryCounterStore, StoreCalls
from tests.support.limiter import MINUTE, START, Node, check
from tests.support.waiting import eventually, settle
from unkey_api.areas.ratelimit.engine.replay import BATCH, CAPACITY
from unkey_api.areas.ratelimit.engine.running import LimiterParts, build_rate_limiter, open_rate_limiter
from unkey_api.areas.ratelimit.engine.store import Increment
from unkey_api.areas.ratelimit.engine.types import Check
from unkey_api.infra.redis.reconnecting import RedisNotConnected

MANY = 10_000
"""Counters, for tests about memory."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def node(clock: FixedClock) -> Node:
    return Node(clock)


class Forgetful:
    """A store that keeps nothing."""

    async def read_many(self, keys: Sequence[str]) -> list[int]:
        return [0] * len(keys)

    async def increment_many(self, increments: Sequence[Increment]) -> list[int | None]:
        return [increment.amount for increment in increments]


class Deaf:
    """A `LimiterObserver` that notes nothing."""

    def store_called(self, *_: object) -> None:
        """Forget it."""


async def fill(parts: LimiterParts, count: int) -> None:
    """Ask about so many identifiers, with everything sent."""
    await parts.limiter.limit_many([check(identifier=f"user {number}") for number in range(count)])
    await parts.replays.flush()
    await settle()
    parts.table.dirty.clear()


class Refusing(MemoryCounterStore):
    """A store that is not connected."""

    refusing = False

    async def increment_many(self, increments: Sequence[Increment]) -> list[int | None]:
        if self.refusing:
            raise RedisNotConnected
        return await super().increment_many(increments)


class TestRefusedReplay:
    """What was not even sent is not lost, and is not sent twice."""

    async def test_waits_and_is_added_once(self, clock: FixedClock) -> None:
        store = Refusing(clock)
        node = Node(clock, store)
        await node.ask(3)
        store.refusing = True
        await node.replay()
        assert (await node.ask(2)).success
        await node.replay()
        store.refusing = False
        assert await node.ask(1)
        await node.replay()
        assert store.value(node.cell().store_key) == 6
        assert (node.cell().value, len(node.parts.replays)) == (6, 0)

    async def test_a_spend_during_the_attempt_is_kept_too(self, clock: FixedClock) -> None:
        store = MemoryCounterStore(clock)
        node = Node(clock, store)
        await node.ask(3)
        original = store.increment_many

        async def refuse(increments: Sequence[Increment]) -> list[int | None]:
            node.limiter.try_limit_now(check(2))
            store.increment_many = original  # type: ignore[method-assign]  # once is enough
            raise RedisNotConnected

        store.increment_many = refuse  # type: ignore[method-assign]  # to act in the middle of an attempt
        await node.replay()
        assert len(node.parts.replays) == 1
        await node.replay()
        assert store.value(node.cell().store_key) == 5

    async def test_is_given_up_once_its_window_no_longer_counts(self, clock: FixedClock) -> None:
        store = Refusing(clock)
        node = Node(clock, store)
        await node.ask(3)
        store.refusing = True
        clock.set(START + 2 * MINUTE - 1)
        await node.replay()
        assert len(node.parts.replays) == 1
        clock.advance(1)
        await node.replay()
        assert (len(node.parts.replays), node.limiter.counts.replays_dropped) == (0, 1)

    async def test_the_loop_tries_again_by_itself(self, clock: FixedClock) -> None:
        store = Refusing(clock)
        store.refusing = True
        async with open_rate_limiter(store, clock=clock, observer=StoreCalls(), jitter=lambda: 0.0) as limiter:
            await limiter.limit(check(3))
            await settle()
            store.refusing = False
            await eventually(lambda: store.value(f"ws-ns-u-{MINUTE}:{START // MINUTE}") == 3)


class TestReplay:
    async def test_spends_of_one_cell_travel_as_one_increment_with_three_windows_to_live(self, node: Node) -> None:
        for _ in range(5):
            await node.ask(2)
        await node.replay()
        assert node.store.increments == [[(node.cell().store_key, 10, 180)]]

    async def test_a_cost_of_zero_is_sent_too(self, node: Node) -> None:
        """It creates the counter in the store and brings back what others counted."""
        node.set_counts(current=4)
        await node.ask(0)
        node.store.put(node.cell().store_key, 6)
        await node.replay()
        assert node.cell().value == 6

    async def test_denials_are_not_sent(self, node: Node) -> None:
        await node.ask(11)
        await node.replay()
        assert node.store.increments == []

    async def test_the_answer_raises_the_local_count_and_never_lowers_it(self, node: Node) -> None:
        await node.ask(3)
        node.store.put(node.cell().store_key, 5)
        await node.replay()
        assert node.cell().value == 8
        node.store.put(node.cell().store_key, 0)
        await node.ask(1)
        await node.replay()
        assert node.cell().value == 9

    async def test_late_spends_land_in_their_own_window(self, node: Node) -> None:
        await node.ask(3)
        key = node.cell().store_key
        node.clock.advance(MINUTE)
        await node.replay()
        assert node.store.value(key) == 3

    async def test_a_failed_replay_is_lost_to_the_store_but_not_here(self, node: Node) -> None:
        await node.ask(3)
        node.store.down = True
        await node.replay()
        node.store.down = False
        await node.ask(1)
        await node.replay()
        assert node.store.value(node.cell().store_key) == 1
        assert node.cell().value == 4

    async def test_what_cannot_be_added_leaves_the_cell_alone(self, node: Node) -> None:
        await node.ask(3)
        node.store.put(node.cell().store_key, (1 << 63) - 1)
        await node.replay()
        assert node.cell().value == 3

    async def test_a_full_queue_drops_the_newest_and_counts_it(self, node: Node) -> None:
        node.store.down = True
        for number in range(CAPACITY + 3):
            await node.ask(identifier=f"{number}")
        counts = node.limiter.counts
        assert (len(node.parts.replays), counts.replays_dropped) == (CAPACITY, 3)
        await node.ask(identifier="0")
        assert counts.replays_buffered == CAPACITY + 1

    async def test_batches_are_bounded(self, node: Node) -> None:
        await node.limiter.limit_many([check(identifier=f"{number}") for number in range(BATCH + 1)])
        await node.replay()
        assert [len(batch) for batch in node.store.increments] == [BATCH, 1]


class TestJanitor:
    async def test_drops_cells_after_three_durations_and_keeps_running_ones(self, node: Node) -> None:
        await node.ask(identifier="old")
        node.clock.advance(10 * MINUTE)
        await node.ask(identifier="new")
        await node.parts.janitor.sweep()
        (group,) = node.parts.table.groups.values()
        assert list(group.counters) == ["new"]
        assert (node.limiter.counts.windows, node.limiter.counts.windows_evicted) == (2, 2)

    async def test_the_windows_at_hand_go_strictly_after_three_durations(self, node: Node) -> None:
        await node.ask()
        node.clock.set(START + 3 * MINUTE)
        await node.parts.janitor.sweep()
        assert node.limiter.counts.windows == 2
        node.clock.advance(1)
        await node.parts.janitor.sweep()
        assert (node.limiter.counts.windows, len(node.parts.table), node.parts.table.groups) == (0, 0, {})

    async def test_other_windows_go_each_for_itself(self, node: Node) -> None:
        await node.ask()
        await node.limiter.limit(check(time_ms=START + 2 * MINUTE))
        counter = node.counter()
        assert {cell.sequence - START // MINUTE for cell in counter.cells()} == {0, 1, 2}
        node.clock.set(START + 3 * MINUTE + 1)
        await node.parts.janitor.sweep()
        assert {cell.sequence - START // MINUTE for cell in counter.cells()} == {1, 2}

    async def test_a_strict_time_that_runs_keeps_its_counter(self, node: Node) -> None:
        await node.limiter.limit(check(11, time_ms=START + 5 * MINUTE))
        counter = node.parts.table.locate(("ws", "ns", "u", MINUTE))
        assert counter.forget_before(START + 100 * MINUTE) == 2
        node.clock.set(counter.strict_until)
        await node.parts.janitor.sweep()
        assert len(node.parts.table) == 1
        node.clock.advance(1)
        await node.parts.janitor.sweep()
        assert len(node.parts.table) == 0

    async def test_what_is_dropped_is_freed_at_once(self, clock: FixedClock) -> None:
        """Nothing refers back, so millions of counters do not wait for the cycle collector."""
        parts = build_rate_limiter(Forgetful(), clock=clock, observer=Deaf())
        gc.collect()
        gc.disable()
        try:
            before = sys.getallocatedblocks()
            await fill(parts, MANY)
            taken = sys.getallocatedblocks() - before
            assert taken > 3 * MANY, "a counter and its two windows"
            clock.advance(10 * MINUTE)
            await parts.janitor.sweep()
            assert sys.getallocatedblocks() - before < taken / 10
        finally:
            gc.enable()

    async def test_no_garbage_collection_walks_over_counters(self, clock: FixedClock) -> None:
        """With a million of them it would hold up everybody for half a second."""
        parts = build_rate_limiter(Forgetful(), clock=clock, observer=Deaf())
        gc.collect()
        before = len(gc.get_objects())
        await fill(parts, MANY)
        assert len(parts.table) == MANY
        gc.collect()
        assert len(gc.get_objects()) - before < MANY / 10
        assert not any(gc.is_tracked(members.counters) for members in parts.table.groups.values())

    async def test_a_limiter_that_goes_takes_its_counters_with_it(self, clock: FixedClock) -> None:
        """The collector does not see them, so no cycle may lead through them."""
        before = sys.getallocatedblocks()
        parts: LimiterParts | None = build_rate_limiter(Forgetful(), clock=clock, observer=Deaf())
        assert parts is not None
        await fill(parts, MANY)
        taken = sys.getallocatedblocks() - before
        parts = None
        gc.collect()
        assert sys.getallocatedblocks() - before < taken / 10

    async def test_a_counter_is_usable_after_its_cells_went(self, node: Node) -> None:
        await node.ask(10)
        later = node.clock.now_ms() + 10 * MINUTE
        node.clock.set(later)
        counter = node.counter()
        await node.parts.janitor.sweep()
        node.clock.set(START)
        assert counter.sequence != START // MINUTE
        node.clock.set(later)
        assert (await node.ask(10)).success


class TestRunning:
    async def test_spends_reach_the_store_by_themselves(self, clock: FixedClock) -> None:
        store = MemoryCounterStore(clock)
        async with open_rate_limiter(store, clock=clock, observer=StoreCalls(), jitter=lambda: 0.0) as limiter:
            await limiter.limit(check(3))
            await eventually(lambda: store.value(f"ws-ns-u-{MINUTE}:{START // MINUTE}") == 3)

    async def test_leaving_sends_the_rest(self, clock: FixedClock) -> None:
        store = MemoryCounterStore(clock)
        async with open_rate_limiter(store, clock=clock, observer=StoreCalls(), jitter=lambda: 0.0) as limiter:
            for number in range(1_000):
                await limiter.limit(Check("ws", "ns", f"{number}", 10, MINUTE))
        assert sum(increment.amount for batch in store.increments for increment in batch) == 1_000
        await limiter.limit(check(1))
        assert limiter.counts.replays_closed == 1

    async def test_leaving_does_not_wait_for_a_store_that_hangs(self, clock: FixedClock) -> None:
        store = MemoryCounterStore(clock)
        async with asyncio.timeout(5):
            async with open_rate_limiter(
                store, clock=clock, observer=StoreCalls(), jitter=lambda: 0.0, grace_seconds=0.01
            ) as limiter:
                await limiter.limit(check(1))
                store.gate = asyncio.Event()
                await settle()

    async def test_no_task_is_left_behind(self, clock: FixedClock) -> None:
        before = asyncio.all_tasks()
        async with open_rate_limiter(
            MemoryCounterStore(clock), clock=clock, observer=StoreCalls(), jitter=lambda: 0.0
        ) as limiter:
            await limiter.limit(check(1))
        await settle()
        assert asyncio.all_tasks() == before
