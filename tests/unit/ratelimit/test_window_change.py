"""When a window ends: who is there all the time does not wait for the store at the start of the next one."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.clock import FixedClock
from tests.support.limiter import MINUTE, START, Node, check
from tests.support.waiting import eventually, settle
from unkey_api.areas.ratelimit.engine.loading import FRESH_MS
from unkey_api.areas.ratelimit.engine.state import LATE_MS

NEXT = f"ws-ns-u-{MINUTE}:{START // MINUTE + 1}"


@pytest.fixture
def node() -> Node:
    return Node(FixedClock(START))


async def use_until_late(node: Node) -> None:
    """Ask at the start of the window and shortly before its end, with everything sent."""
    await node.ask()
    node.clock.set(START + MINUTE - LATE_MS)
    await node.ask(0)
    await node.ask(0)
    await node.replay()
    await settle()


async def answered(node: Node, *, limit: int = 10) -> int:
    """Ask while the store does not answer; return what was left. Fails when the answer waits for it."""
    node.store.gate = asyncio.Event()
    try:
        return (await asyncio.wait_for(node.ask(limit=limit), 0.2)).remaining
    finally:
        node.store.gate.set()
        node.store.gate = None


async def test_the_first_check_in_a_window_does_not_wait(node: Node) -> None:
    await use_until_late(node)
    node.clock.set(START + MINUTE)
    assert await answered(node) == 8
    node.clock.advance(1)
    assert node.limiter.try_limit_now(check()) is not None


async def test_it_does_after_a_pause(node: Node) -> None:
    await node.ask()
    node.clock.set(START + MINUTE)
    with pytest.raises(TimeoutError):
        await answered(node)


@pytest.mark.parametrize(("before_end_ms", "read"), [(LATE_MS + 1, False), (LATE_MS, True), (1, True)])
async def test_the_next_window_is_read_shortly_before_its_start(node: Node, before_end_ms: int, *, read: bool) -> None:
    await node.ask()
    node.clock.set(START + MINUTE - before_end_ms)
    await node.ask()
    await node.ask()
    await settle()
    assert any(NEXT in keys for keys in node.store.reads) == read
    for _ in range(3):
        await node.ask()
    await settle()
    assert sum(NEXT in keys for keys in node.store.reads) == read, "once"


async def test_batches_see_to_it_too(node: Node) -> None:
    batch = [check(identifier="u"), check(identifier="v")]
    await node.limiter.limit_many(batch)
    node.clock.set(START + MINUTE - LATE_MS)
    for _ in range(2):
        await node.limiter.limit_many(batch)
    await settle()
    node.clock.set(START + MINUTE)
    node.store.gate = asyncio.Event()
    assert (await asyncio.wait_for(node.limiter.limit_many(batch), 0.2)).passed


async def test_who_came_once_is_not_read_ahead_for(node: Node) -> None:
    """Millions of counters are asked about once; a third window of each would be in vain."""
    node.clock.set(START + MINUTE - 1)
    await node.ask()
    await settle()
    assert node.counter().following is None


async def test_counters_of_one_moment_are_read_ahead_together(node: Node) -> None:
    names = [f"{number}" for number in range(100)]
    for late_ms in (MINUTE, LATE_MS, 1):
        node.clock.set(START + MINUTE - late_ms)
        await asyncio.gather(*(node.ask(identifier=name) for name in names))
    node.store.reads.clear()
    await eventually(lambda: len(node.store.reads) > 0)
    assert [len(keys) for keys in node.store.reads] == [100]


async def test_what_was_counted_ahead_of_time_counts(node: Node) -> None:
    """By a node whose clock is a little ahead."""
    node.store.put(NEXT, 5)
    await use_until_late(node)
    node.clock.set(START + MINUTE)
    assert await answered(node) == 3


async def test_what_others_spend_in_between_is_known_after_one_exchange(node: Node) -> None:
    await use_until_late(node)
    node.clock.set(START + MINUTE + 1_000)
    node.store.put(NEXT, 9)
    assert (await node.ask()).success
    await node.replay()
    assert not (await node.ask()).success


async def test_a_read_ahead_is_good_for_as_long_as_any_other(node: Node) -> None:
    await use_until_late(node)
    node.calls.take()
    node.clock.set(START + MINUTE - LATE_MS + FRESH_MS - 1)
    await node.ask(0)
    assert node.calls.take() == []
    node.clock.advance(1)
    assert node.limiter.try_limit_now(check(0)) is None


async def test_one_that_failed_is_repeated_by_who_needs_it(node: Node) -> None:
    await node.ask()
    node.clock.set(START + MINUTE - LATE_MS)
    await node.ask(0)
    node.store.down = True
    await node.ask(0)
    await settle()
    node.store.down = False
    node.store.put(NEXT, 4)
    node.clock.set(START + MINUTE)
    assert (await node.ask()).remaining == 4


async def test_it_is_counted_and_goes_with_the_others(node: Node) -> None:
    await use_until_late(node)
    counter = node.counter()
    assert (node.limiter.counts.windows_created, len(counter)) == (3, 3)
    assert counter.cell(START // MINUTE + 1) is counter.following
    node.clock.set(START + 3 * MINUTE + 1)
    await node.parts.janitor.sweep()
    assert (node.limiter.counts.windows_evicted, len(node.parts.table)) == (3, 0)


async def test_counts_of_other_regions_for_it_are_kept(node: Node) -> None:
    """They may have arrived before it was read, or come when it is there already."""
    counter = node.counter()
    node.parts.table.raise_others(counter.cell(START // MINUTE + 1), 4)
    await use_until_late(node)
    node.parts.table.raise_others(counter.cell(START // MINUTE + 1), 6)
    assert len(counter) == 3
    node.clock.set(START + MINUTE)
    assert await answered(node) == 2


async def test_going_back_in_time_keeps_it(node: Node) -> None:
    await use_until_late(node)
    following = node.counter().following
    await node.limiter.limit(check(time_ms=START - 1))
    assert following in list(node.counter().cells())
    node.clock.set(START + MINUTE)
    await node.ask()
    assert node.counter().current is following
