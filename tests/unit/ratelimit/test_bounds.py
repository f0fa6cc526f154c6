"""What one workspace may occupy, and what becomes of counters that have to go."""

from __future__ import annotations

import pytest

from tests.support.clock import FixedClock
from tests.support.counters import MemoryCounterStore, MemoryGlobalCounters, MemorySharedTable, StoreCalls
from tests.support.limiter import MINUTE, START
from unkey_api.areas.ratelimit.engine.bounds import TableBounds
from unkey_api.areas.ratelimit.engine.regions import RegionCount
from unkey_api.areas.ratelimit.engine.replay import CAPACITY, RESERVED
from unkey_api.areas.ratelimit.engine.running import LimiterParts, build_rate_limiter
from unkey_api.areas.ratelimit.engine.types import Check, Decision

PER_WORKSPACE = 200
TOTAL = 500


class Bounded:
    """A limiter that keeps few counters."""

    def __init__(self, clock: FixedClock, table: MemorySharedTable) -> None:
        self.clock = clock
        self.store = MemoryCounterStore(clock)
        self.parts: LimiterParts = build_rate_limiter(
            self.store,
            clock=clock,
            observer=StoreCalls(),
            shared=MemoryGlobalCounters(table, "here"),
            bounds=TableBounds(per_workspace=PER_WORKSPACE, total=TOTAL),
        )

    async def ask(self, workspace: str, identifier: str, *, cost: int = 1, namespace: str = "ns") -> Decision:
        return await self.parts.limiter.limit(Check(workspace, namespace, identifier, 10, MINUTE, cost))

    async def fill(self, workspace: str, count: int, *, start: int = 0, namespaces: int = 1) -> None:
        for number in range(start, start + count):
            await self.ask(workspace, f"{number}", namespace=f"ns{number % namespaces}")
            if number % 100 == 0:
                await self.parts.replays.flush()
        await self.parts.replays.flush()

    def held(self, workspace: str) -> int:
        return sum(len(m.counters) for (owner, _, _), m in self.parts.table.groups.items() if owner == workspace)

    def knows(self, workspace: str, identifier: str, *, namespace: str = "ns") -> bool:
        members = self.parts.table.groups.get((workspace, namespace, MINUTE))
        return members is not None and identifier in members.counters


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def shared() -> MemorySharedTable:
    return MemorySharedTable()


@pytest.fixture
def node(clock: FixedClock, shared: MemorySharedTable) -> Bounded:
    return Bounded(clock, shared)


@pytest.mark.parametrize("namespaces", [1, 7, 500])
async def test_a_workspace_stays_within_its_bound_and_others_lose_nothing(node: Bounded, namespaces: int) -> None:
    for number in range(50):
        await node.ask("quiet", f"{number}")
    await node.fill("greedy", 2_000, namespaces=namespaces)
    assert 0 < node.held("greedy") <= PER_WORKSPACE
    assert all(node.knows("quiet", f"{number}") for number in range(50))
    assert len(node.parts.table) == node.held("greedy") + node.held("quiet")


async def test_the_whole_table_is_full_at_the_cost_of_who_holds_the_most(node: Bounded) -> None:
    for workspace in ("a", "b"):
        await node.fill(workspace, PER_WORKSPACE)
    for number in range(150):
        await node.ask(f"small{number}", "u")
    assert len(node.parts.table) <= TOTAL
    assert all(node.knows(f"small{number}", "u") for number in range(150))


async def test_counters_that_no_window_holds_go_first(node: Bounded) -> None:
    await node.fill("ws", 150)
    node.clock.advance(2 * MINUTE)
    await node.fill("ws", 50, start=1_000)
    await node.fill("ws", 50, start=2_000)
    assert all(node.knows("ws", f"{number}", namespace="ns0") for number in range(2_000, 2_050))
    assert all(node.knows("ws", f"{number}", namespace="ns0") for number in range(1_000, 1_050))
    assert node.parts.limiter.counts.counters_pushed_out == 0


async def test_a_counter_that_had_to_go_goes_on_from_the_store(node: Bounded) -> None:
    assert (await node.ask("ws", "mine", cost=8)).success
    await node.parts.replays.flush()
    await node.fill("ws", 1_000, start=1)
    assert not node.knows("ws", "mine")
    assert node.parts.limiter.counts.counters_pushed_out > 0
    assert (await node.ask("ws", "mine", cost=3)).success is False
    assert (await node.ask("ws", "mine", cost=2)).remaining == 0


async def test_what_the_store_has_not_heard_of_stays_while_others_can_go(node: Bounded) -> None:
    await node.fill("ws", PER_WORKSPACE - 1)
    node.store.down = True
    assert (await node.ask("ws", "unsent", cost=8)).success
    await node.ask("ws", "one more")
    assert node.knows("ws", "unsent")


async def test_counters_come_back_to_nothing_when_they_run_out(node: Bounded) -> None:
    await node.fill("ws", 1_000, namespaces=3)
    node.clock.advance(5 * MINUTE)
    await node.parts.janitor.sweep()
    assert (len(node.parts.table), node.parts.table.groups) == (0, {})
    await node.fill("ws", 10)
    assert len(node.parts.table) == 10


async def test_what_other_regions_count_takes_nobody_s_place(node: Bounded, shared: MemorySharedTable) -> None:
    await node.fill("ws", PER_WORKSPACE)
    there = MemoryGlobalCounters(shared, "there")
    sequence = START // MINUTE
    rows = [RegionCount("ws", "ns", f"far{n}", MINUTE, sequence, 5, START + 2 * MINUTE) for n in range(50)]
    await there.push([*rows, RegionCount("ws", "ns0", "0", MINUTE, sequence, 9, START + 2 * MINUTE)], now_ms=START)
    await node.parts.regions.pull() if node.parts.regions else None
    assert node.held("ws") == PER_WORKSPACE
    assert not (await node.ask("ws", "0", cost=1, namespace="ns0")).success


async def test_increments_of_others_find_room_behind_a_workspace_that_fills_the_queue(clock: FixedClock) -> None:
    parts = build_rate_limiter(MemoryCounterStore(clock), clock=clock, observer=StoreCalls())
    for number in range(CAPACITY + 50):
        await parts.limiter.limit(Check("greedy", "ns", f"{number}", 10, MINUTE))
    assert parts.limiter.counts.replays_dropped == 50
    for number in range(RESERVED + 10):
        await parts.limiter.limit(Check("quiet", "ns", f"{number}", 10, MINUTE))
    assert parts.limiter.counts.replays_dropped == 60
    await parts.replays.flush()
    assert {members.group.share.waiting for members in parts.table.groups.values()} == {0}
