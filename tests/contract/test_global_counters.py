"""What `GlobalCounters` do, in memory and in MySQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.counters import MemoryGlobalCounters, MemorySharedTable
from unkey_api.areas.ratelimit.engine.regions import GlobalCounters, RegionCount, WindowTotals
from unkey_api.areas.ratelimit.global_counters import SqlGlobalCounters
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.mysql import Database

NOW = 1_750_000_000_000
LATER = NOW + 120_000
OLD = NOW // 2
"""Long before what other tests leave in the table."""

In = Callable[[str], GlobalCounters]
"""The table as seen from a region."""


@pytest.fixture(params=["memory", pytest.param("mysql", marks=pytest.mark.integration)])
def region(request: pytest.FixtureRequest) -> In:
    if request.param == "memory":
        table = MemorySharedTable()
        return lambda name: MemoryGlobalCounters(table, name)
    database: Database = request.getfixturevalue("database")
    return lambda name: SqlGlobalCounters(database.replica, database.primary, region=name)


@pytest.fixture
def workspace() -> str:
    return RandomIds().new(IdPrefix.WORKSPACE)


def row(workspace: str, count: int, *, identifier: str = "u", expires_at_ms: int = LATER) -> RegionCount:
    return RegionCount(workspace, "ns", identifier, 60_000, 29_166_666, count, expires_at_ms)


async def seen(counters: GlobalCounters, workspace: str, *, now_ms: int = NOW) -> list[WindowTotals]:
    return [totals for totals in await counters.pull(now_ms=now_ms) if totals.workspace_id == workspace]


def totals(workspace: str, regional: int, imported: int, *, identifier: str = "u") -> WindowTotals:
    return WindowTotals(workspace, "ns", identifier, 60_000, 29_166_666, regional, imported)


async def test_every_region_sees_its_own_count_and_the_sum_of_the_others(region: In, workspace: str) -> None:
    await region("east").push([row(workspace, 12)], now_ms=NOW)
    await region("west").push([row(workspace, 11)], now_ms=NOW)
    assert await seen(region("east"), workspace) == [totals(workspace, 12, 11)]
    assert await seen(region("west"), workspace) == [totals(workspace, 11, 12)]
    assert await seen(region("south"), workspace) == [totals(workspace, 0, 23)]


async def test_a_count_is_never_lowered(region: In, workspace: str) -> None:
    for count in (5, 3, 8, 7):
        await region("east").push([row(workspace, count)], now_ms=NOW)
    assert await seen(region("east"), workspace) == [totals(workspace, 8, 0)]


async def test_windows_that_ran_out_are_not_seen(region: In, workspace: str) -> None:
    await region("east").push([row(workspace, 5, expires_at_ms=NOW + 1)], now_ms=NOW)
    assert len(await seen(region("east"), workspace, now_ms=NOW)) == 1
    assert await seen(region("east"), workspace, now_ms=NOW + 1) == []


async def test_only_windows_that_ran_out_are_trimmed_the_oldest_first(region: In, workspace: str) -> None:
    """Those of every region: the rows of one that was given up would stay for ever."""
    east, west = region("east"), region("west")
    while await east.trim(now_ms=OLD, at_most=1_000):
        pass
    old = [row(workspace, 5, identifier=f"{age}", expires_at_ms=OLD - age) for age in range(1, 6)]
    await east.push(sorted(old[:3]), now_ms=OLD - 9)
    await west.push(sorted([*old[3:], row(workspace, 7, expires_at_ms=OLD)]), now_ms=OLD - 9)
    assert await east.trim(now_ms=OLD, at_most=3) == 3
    assert {each.identifier for each in await seen(east, workspace, now_ms=OLD - 9)} == {"1", "2", "u"}
    assert await east.trim(now_ms=OLD, at_most=3) == 2
    assert await east.trim(now_ms=OLD, at_most=3) == 0
    assert [each.identifier for each in await seen(west, workspace, now_ms=OLD - 9)] == ["u"]


async def test_upper_and_lower_case_are_different_counters(region: In, workspace: str) -> None:
    await region("east").push([row(workspace, 1, identifier="A"), row(workspace, 2, identifier="a")], now_ms=NOW)
    found = await seen(region("east"), workspace)
    assert sorted(found, key=lambda entry: entry.identifier) == [
        totals(workspace, 1, 0, identifier="A"),
        totals(workspace, 2, 0, identifier="a"),
    ]


async def test_concurrent_pushers_in_key_order_do_not_deadlock(region: In, workspace: str) -> None:
    rows = sorted(row(workspace, 3, identifier=f"{number}") for number in range(8))
    for _ in range(30):
        await asyncio.gather(*(region(name).push(rows, now_ms=NOW) for name in ("east", "west", "east")))
    assert len(await seen(region("east"), workspace)) == 8


def test_a_region_needs_a_name(region: In) -> None:
    if not isinstance(region("x"), MemoryGlobalCounters):
        with pytest.raises(ValueError, match="region"):
            region("")
