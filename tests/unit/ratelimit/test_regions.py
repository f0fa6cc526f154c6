"""Counts of other regions."""

from __future__ import annotations

import pytest

from tests.support.clock import FixedClock
from tests.support.counters import MemoryCounterStore, MemoryGlobalCounters, MemorySharedTable, StoreCalls
from tests.support.limiter import MINUTE, START, Node, check
from tests.support.waiting import eventually
from unkey_api.areas.ratelimit.engine import regions
from unkey_api.areas.ratelimit.engine.regions import RegionCount
from unkey_api.areas.ratelimit.engine.running import open_rate_limiter

SEQUENCE = START // MINUTE


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def table() -> MemorySharedTable:
    return MemorySharedTable()


@pytest.fixture
def east(clock: FixedClock, table: MemorySharedTable) -> Node:
    return Node(clock, shared=table, region="east")


@pytest.fixture
def west(clock: FixedClock, table: MemorySharedTable) -> Node:
    return Node(clock, shared=table, region="west")


def stored(table: MemorySharedTable, region: str, identifier: str = "u") -> int | None:
    row = table.rows.get((("ws", "ns", identifier, MINUTE, SEQUENCE), region))
    return row.count if row else None


async def test_what_one_region_counted_counts_in_the_other(east: Node, west: Node, table: MemorySharedTable) -> None:
    await east.ask(6)
    await east.push()
    assert stored(table, "east") == 6
    await west.pull()
    decision = await west.ask(1)
    assert (decision.success, decision.current) == (True, 7)
    assert not (await west.ask(4)).success


async def test_an_import_alone_is_not_pushed_but_any_own_spend_after_it_is(
    east: Node, west: Node, table: MemorySharedTable
) -> None:
    await east.ask(6)
    await east.push()
    await west.pull()
    await west.push()
    assert stored(table, "west") is None
    await west.ask(1)
    await west.push()
    assert stored(table, "west") == 1


async def test_little_use_is_not_pushed(east: Node, table: MemorySharedTable) -> None:
    await east.ask(1)
    await east.push()
    assert table.rows == {}
    await east.ask(1)
    await east.push()
    assert stored(table, "east") == 2


async def test_nodes_of_one_region_converge_through_their_store_before_pushing(
    clock: FixedClock, table: MemorySharedTable
) -> None:
    first = Node(clock, shared=table, region="east")
    second = Node(clock, first.store, shared=table, region="east")
    for node in (first, second):
        await node.ask(1)
    for node in (first, second):
        await node.replay()
    for node in (first, second):
        await node.push()
    assert stored(table, "east") == 2


async def test_other_regions_add_up_and_count_without_traffic(
    east: Node, west: Node, clock: FixedClock, table: MemorySharedTable
) -> None:
    await east.ask(12, limit=20)
    await west.ask(11, limit=20)
    await east.push()
    await west.push()
    south = Node(clock, shared=table, region="south")
    await south.pull()
    assert south.cell().others == 23
    assert south.limiter.counts.imported_windows == 1
    assert not (await south.ask(1, limit=20)).success


async def test_the_own_regions_row_is_merged_into_the_count_and_is_not_a_read(
    clock: FixedClock, table: MemorySharedTable
) -> None:
    first = Node(clock, shared=table, region="east")
    second = Node(clock, shared=table, region="east")
    await first.ask(6)
    await first.push()
    await second.pull()
    cell = second.cell()
    assert (cell.value, cell.others, cell.fresh_until, cell.hydrated) == (6, 0, 0, False)
    assert not (await second.ask(5)).success


async def test_two_regions_of_two_nodes(clock: FixedClock, table: MemorySharedTable) -> None:
    a1 = Node(clock, shared=table, region="a")
    a2 = Node(clock, a1.store, shared=table, region="a")
    b1 = Node(clock, shared=table, region="b")
    b2 = Node(clock, b1.store, shared=table, region="b")
    for node in (a1, a2):
        await node.ask(3)
        await node.replay()
    for node in (a1, a2):
        await node.push()
    assert stored(table, "a") == 6
    for node in (b1, b2):
        await node.pull()
        assert node.cell().others == 6
    for node in (b1, b2):
        assert (await node.ask(2)).success
        await node.replay()
    assert not (await b2.ask(1)).success


async def test_a_second_push_without_change_writes_nothing(
    east: Node, clock: FixedClock, table: MemorySharedTable
) -> None:
    await east.ask(6)
    await east.push()
    clock.advance(5_000)
    await east.push()
    assert len(table.pushes) == 1
    await east.ask(1)
    await east.push()
    assert stored(table, "east") == 7


async def test_counts_of_others_do_not_have_the_own_count_pushed_again(
    east: Node, west: Node, table: MemorySharedTable
) -> None:
    for node in (east, west):
        await node.ask(3)
        await node.push()
    await east.pull()
    assert east.cell().others == 3
    await east.push()
    assert len(table.pushes) == 2


async def test_a_denied_check_writes_nothing(east: Node, table: MemorySharedTable) -> None:
    await east.ask(11)
    await east.push()
    assert table.rows == {}


async def test_a_failed_push_is_repeated(east: Node, table: MemorySharedTable) -> None:
    assert east.shared is not None
    await east.ask(6)
    east.shared.down = True
    await east.push()
    assert east.limiter.counts.push_errors == 1
    east.shared.down = False
    await east.push()
    assert stored(table, "east") == 6


async def test_a_failed_pull_keeps_what_is_known(east: Node, west: Node) -> None:
    assert west.shared is not None
    await east.ask(6)
    await east.push()
    await west.pull()
    west.shared.down = True
    await west.pull()
    assert west.cell().others == 6
    assert west.limiter.counts.pull_errors == 1


async def test_rows_travel_in_key_order(east: Node, table: MemorySharedTable) -> None:
    for round_number in range(3):
        for number in (7, 3, 5, 1, 0, 6, 2, 4):
            await east.limiter.limit(check(2, identifier=f"{number}", limit=100 if round_number else 10))
        await east.push()
    assert all(keys == sorted(keys) for keys in table.pushes)
    assert len(table.pushes) == 3


async def test_names_that_do_not_fit_the_table_stay_home_and_hold_up_nobody(
    east: Node, table: MemorySharedTable
) -> None:
    await east.ask(6, identifier="x" * 256)
    await east.ask(6)
    await east.push()
    assert stored(table, "east") == 6
    assert len(table.rows) == 1


async def test_windows_that_ran_out_are_neither_pushed_nor_pulled(
    east: Node, west: Node, clock: FixedClock, table: MemorySharedTable
) -> None:
    await east.ask(6)
    clock.advance(2 * MINUTE)
    await east.push()
    assert table.rows == {}
    await east.ask(6)
    await east.push()
    clock.advance(2 * MINUTE)
    await west.pull()
    assert west.limiter.counts.pulled_rows_last == 0


async def test_what_is_over_is_trimmed_in_small_steps(
    east: Node, table: MemorySharedTable, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "ROWS_PER_TRIM", 4)
    for number in range(10):
        await east.ask(5, identifier=f"{number}")
    await east.push()
    assert east.parts.regions is not None
    clock.advance(2 * MINUTE)
    await east.parts.regions.trim()
    assert len(table.rows) == 10, "not before they are over"
    clock.advance(1)
    monkeypatch.setattr(regions, "TRIMS_PER_RUN", 2)
    await east.parts.regions.trim()
    assert len(table.rows) == 2, "the rest waits for the next run"
    assert east.shared is not None
    east.shared.down = True
    await east.parts.regions.trim()
    east.shared.down = False
    await east.parts.regions.trim()
    assert (len(table.rows), east.limiter.counts.trimmed_rows) == (0, 10)


async def test_trimming_runs_by_itself(clock: FixedClock, table: MemorySharedTable) -> None:
    shared = MemoryGlobalCounters(table, "east")
    await shared.push([RegionCount("ws", "ns", "u", MINUTE, 1, 5, START - 1)], now_ms=START)
    store = MemoryCounterStore(clock)
    async with open_rate_limiter(store, clock=clock, observer=StoreCalls(), jitter=lambda: 0.0, shared=shared):
        await eventually(lambda: not table.rows)


async def test_growth_while_a_push_is_on_its_way_is_pushed_next(east: Node, table: MemorySharedTable) -> None:
    assert east.shared is not None
    shared = east.shared
    original = shared.push

    async def push(*args: object, **kwargs: object) -> None:
        await original(*args, **kwargs)  # type: ignore[arg-type]  # passed through as it came
        if len(table.pushes) == 1:
            east.limiter.try_limit_now(check(1))

    shared.push = push  # type: ignore[method-assign]  # to act in the middle of a push
    await east.ask(6)
    await east.push()
    await east.push()
    assert stored(table, "east") == 7
