"""Marks that wait to be written: what of them a balance lacks, and what became of those that found no room."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.support.clock import FixedClock
from tests.support.counters import MemoryCreditBalances, Replayed
from tests.support.waiting import eventually, settle
from unkey_api.areas.keys.credits.limiter import WRITE_POLICY
from unkey_api.areas.keys.credits.replays import MARKS_MAX, WRITERS, CreditReplays, ReplayBounds
from unkey_api.infra.resilience.breaker import CircuitBreaker


class World:
    """A MySQL whose writes are held up until the gate opens."""

    def __init__(self, bounds: ReplayBounds | None = None) -> None:
        self.clock = FixedClock()
        self.balances = MemoryCreditBalances()
        self.balances.write_gate = asyncio.Event()
        breaker = CircuitBreaker("test", self.clock, policy=WRITE_POLICY)
        self.replays = CreditReplays(self.balances, breaker, clock=self.clock, observer=Replayed(), bounds=bounds)

    async def add(self, key_id: str, *marks: tuple[int, int]) -> None:
        self.balances.rows.setdefault(key_id, 100)
        for epoch, granted in marks:
            self.balances.marks.setdefault((key_id, epoch), 0)
            await self.replays.add(key_id, epoch, granted)

    async def finish(self) -> None:
        assert self.balances.write_gate is not None
        self.balances.write_gate.set()
        await self.replays.close()


class TestOwedElsewhere:
    async def test_the_sum_of_other_epochs_whether_they_wait_or_are_being_written(self) -> None:
        world = World()
        await world.add("k", (1, 5))
        await settle()  # it is being written from here on
        assert [world.replays.owed_elsewhere("k", epoch) for epoch in (1, 2)] == [0, 5]
        await world.add("k", (1, 4), (2, 7), (3, 11))
        assert [world.replays.owed_elsewhere("k", epoch) for epoch in (1, 2, 3, 4)] == [18, 16, 12, 23]
        await world.add("k", (1, 6))
        assert world.replays.owed_elsewhere("k", 4) == 24
        assert world.replays.owed_elsewhere("other", 4) == 0
        await world.finish()
        assert world.replays.owed_elsewhere("k", 4) == 0
        assert world.balances.rows["k"] == 100 - 24

    async def test_without_what_is_known_to_be_written(self) -> None:
        world = World()
        world.replays.seen("k", 1, 3)
        world.replays.seen("k", 2, 9)
        await world.add("k", (1, 5), (2, 7))
        assert world.replays.owed_elsewhere("k", 4) == 2
        world.replays.seen("k", 1, 5)
        assert world.replays.owed_elsewhere("k", 4) == 0
        await world.finish()

    async def test_marks_of_many_keys_are_forgotten_the_oldest_first(self) -> None:
        world = World()
        await world.add("k", (1, 5))
        await world.add("l", (1, 5))
        world.replays.seen("k", 1, 5)
        world.replays.seen("l", 1, 5)
        world.replays.seen("k", 1, 5)  # the last one seen again
        for number in range(MARKS_MAX - 2):
            world.replays.seen(f"other {number}", 1, 1)
        assert [world.replays.owed_elsewhere(key, 4) for key in ("k", "l")] == [0, 0]
        world.replays.seen("one too many", 1, 1)
        assert [world.replays.owed_elsewhere(key, 4) for key in ("k", "l")] == [0, 5]
        await world.finish()


class TestCounting:
    async def test_what_finds_no_room_is_counted_and_told(self) -> None:
        world = World(ReplayBounds(capacity=1, admit_seconds=0.01))
        for number in range(WRITERS):
            await world.add(f"k{number}", (1, 1))
            await settle()
        await world.add("waiting", (1, 1))
        with capture_logs() as told:
            await world.add("too many", (1, 1))
        assert (world.replays.accepted, world.replays.dropped, world.replays.refused) == (WRITERS + 1, 1, 0)
        assert [(line["log_level"], line["why"]) for line in told] == [("error", "no room")]
        await world.add("waiting", (1, 2))  # of a key that waits already
        assert world.replays.dropped == 1
        assert len(world.replays) == WRITERS + 1
        await world.finish()
        assert world.balances.rows["waiting"] == 98
        assert world.balances.rows["too many"] == 100

    async def test_what_comes_after_closing_is_counted_and_told(self) -> None:
        world = World()
        await world.finish()
        with capture_logs() as told:
            await world.add("k", (1, 1))
        assert (world.replays.accepted, world.replays.dropped, world.replays.refused) == (0, 0, 1)
        assert [(line["log_level"], line["why"]) for line in told] == [("error", "closed")]
        assert len(world.replays) == 0

    async def test_what_is_left_at_the_end_is_told(self) -> None:
        """Whether it waits or was being written when the time was over."""
        world = World(ReplayBounds(drain_seconds=0.01))
        await world.add("written", (1, 1))
        await settle()
        await world.add("written", (1, 2))
        for number in range(WRITERS):
            await world.add(f"k{number}", (1, 1))
        with capture_logs() as told:
            await world.replays.close()
        left = ("credit spends not written at shutdown", WRITERS + 1)
        assert [(line["event"], line["count"]) for line in told] == [left]
        assert world.replays.owed_elsewhere("written", 2) == 2

    async def test_nothing_is_told_when_nothing_is_left(self) -> None:
        world = World()
        await world.add("k", (1, 1))
        with capture_logs() as told:
            await world.finish()
        assert told == []


class TestFlushing:
    @pytest.mark.parametrize("known", [True, False])
    async def test_a_key_without_marks_is_flushed_and_one_that_hangs_is_not(self, *, known: bool) -> None:
        world = World(ReplayBounds(settle_seconds=0.01))
        if known:
            await world.add("k", (1, 1))
        assert await world.replays.flush("k") is not known
        await world.finish()
        assert await world.replays.flush("k")

    async def test_marks_that_are_there_already_are_not_written_again(self) -> None:
        world = World()
        world.balances.rows["k"] = 100
        world.balances.marks["k", 1] = 5
        await world.replays.add("k", 1, 5)
        await world.replays.add("k", 1, 4)
        await world.finish()
        assert (world.balances.rows["k"], world.balances.writes) == (100, [])

    async def test_a_key_or_an_epoch_that_is_gone_is_let_go(self) -> None:
        world = World()
        await world.replays.add("gone", 1, 5)
        world.balances.rows["k"] = 100
        await world.replays.add("k", 1, 5)
        await eventually(lambda: len(world.replays) == 0)
        assert world.balances.rows["k"] == 100
        await world.finish()
