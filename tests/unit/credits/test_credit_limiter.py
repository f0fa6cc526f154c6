"""Credits: exact spending, what happens without Redis or MySQL, and the writes behind the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.clock import FixedClock
from tests.support.counters import MemoryCreditBalances, MemoryCreditCounter, Replayed
from tests.support.waiting import eventually, settle
from unkey_api.areas.keys.credits.limiter import COPY_TTL_MS, EARLY_COPY_TTL_MS, CreditLimiter, open_credit_limiter
from unkey_api.areas.keys.credits.replays import WRITERS, ReplayBounds
from unkey_api.areas.keys.credits.types import BalanceMissing, CreditDecision, InvalidCost
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.resilience.breaker import BreakerState


class World:
    """One Redis, one MySQL."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.counter = MemoryCreditCounter(self.clock)
        self.balances = MemoryCreditBalances()
        self.replayed = Replayed()
        self.states: list[BreakerState] = []
        self.pauses = 0

    @asynccontextmanager
    async def node(self, *, bounds: ReplayBounds | None = None) -> AsyncIterator[CreditLimiter]:
        async with open_credit_limiter(
            self.counter,
            self.balances,
            clock=self.clock,
            observer=self.replayed,
            on_breaker=lambda _, state: self.states.append(state),
            bounds=bounds,
            sleep=self._pause,
        ) as limiter:
            yield limiter

    async def _pause(self, _: float) -> None:
        self.pauses += 1
        await asyncio.sleep(0.001)


@pytest.fixture
def world() -> World:
    world = World()
    world.balances.rows = {"ten": 10, "none": 0, "unlimited": None}
    return world


@pytest.fixture
async def limiter(world: World) -> AsyncIterator[CreditLimiter]:
    async with world.node() as limiter:
        yield limiter


def allowed(remaining: int | None) -> CreditDecision:
    return CreditDecision(allowed=True, remaining=remaining)


def denied(remaining: int) -> CreditDecision:
    return CreditDecision(allowed=False, remaining=remaining)


class TestSpending:
    async def test_counts_down_and_denies_with_what_is_left(self, limiter: CreditLimiter) -> None:
        assert await limiter.spend("ten", 4) == allowed(6)
        assert await limiter.spend("ten", 4) == allowed(2)
        assert await limiter.spend("ten", 4) == denied(2)
        assert await limiter.spend("ten", 2) == allowed(0)
        assert await limiter.spend("ten", 1) == denied(0)

    async def test_a_first_use_that_does_not_fit_takes_nothing(self, world: World, limiter: CreditLimiter) -> None:
        assert await limiter.spend("ten", 11) == denied(10)
        assert world.counter.value("ten") == 10
        assert await limiter.spend("none", 1) == denied(0)

    async def test_a_cost_of_zero_asks_without_taking(self, world: World, limiter: CreditLimiter) -> None:
        assert await limiter.spend("ten", 0) == allowed(10)
        assert await limiter.spend("none", 0) == allowed(0)
        assert await limiter.spend("ten", 0) == allowed(10)
        await settle()
        assert world.balances.writes == []

    async def test_an_unlimited_key_is_always_allowed_and_never_written(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        assert await limiter.spend("unlimited", 1_000) == allowed(None)
        await settle()
        assert world.balances.rows["unlimited"] is None
        assert world.counter.value("unlimited") is None

    async def test_an_unknown_key_is_an_error_not_an_answer(self, limiter: CreditLimiter) -> None:
        with pytest.raises(BalanceMissing):
            await limiter.spend("unknown", 1)

    async def test_a_negative_cost_is_an_error(self, limiter: CreditLimiter) -> None:
        with pytest.raises(InvalidCost):
            await limiter.spend("ten", -1)

    @pytest.mark.parametrize(("held", "cost", "nodes"), [(100, 1, 1), (100, 3, 4), (7, 2, 3), (5, 6, 2)])
    async def test_any_concurrency_gives_exactly_what_there_is(
        self, world: World, held: int, cost: int, nodes: int
    ) -> None:
        world.balances.rows["k"] = held
        opened = [world.node() for _ in range(nodes)]
        limiters = [await node.__aenter__() for node in opened]
        decisions = await asyncio.gather(*(limiters[n % nodes].spend("k", cost) for n in range(held + 20)))
        for node in opened:
            await node.__aexit__(None, None, None)
        assert sum(decision.allowed for decision in decisions) == held // cost
        assert world.balances.rows["k"] == held % cost
        assert world.counter.value("k") == held % cost

    async def test_mysql_is_read_once_per_copy(self, world: World, limiter: CreditLimiter) -> None:
        for _ in range(5):
            await limiter.spend("ten", 1)
        assert world.balances.finds == 2  # before and after the epoch was begun
        await eventually(lambda: world.balances.rows["ten"] == 5)
        world.clock.advance(COPY_TTL_MS)
        world.balances.rows["ten"] = 50
        for left in (49, 48):
            assert await limiter.spend("ten", 1) == allowed(left)
        assert world.balances.finds == 3

    async def test_decisions_are_counted_by_source(self, world: World, limiter: CreditLimiter) -> None:
        await limiter.spend("ten", 1)
        await limiter.spend("ten", 100)
        world.counter.down = True
        await limiter.spend("ten", 1)
        await limiter.spend("ten", 100)
        counts = limiter.counts
        assert (counts.redis_allowed, counts.redis_denied, counts.db_allowed, counts.db_denied) == (1, 1, 1, 1)


class TestWithoutRedis:
    async def test_spends_are_made_in_mysql_exactly(self, world: World, limiter: CreditLimiter) -> None:
        world.counter.down = True
        decisions = await asyncio.gather(*(limiter.spend("ten", 3) for _ in range(10)))
        assert sum(decision.allowed for decision in decisions) == 3
        assert world.balances.rows["ten"] == 1
        assert await limiter.spend("ten", 0) == allowed(1)
        assert await limiter.spend("ten", 2) == denied(1)
        assert await limiter.spend("unlimited", 2) == allowed(None)
        with pytest.raises(BalanceMissing):
            await limiter.spend("unknown", 1)

    async def test_what_was_spent_before_is_written_before_mysql_is_spent_from(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        world.balances.write_gate = asyncio.Event()
        assert await limiter.spend("ten", 4) == allowed(6)
        world.counter.down = True
        spend = asyncio.create_task(limiter.spend("ten", 7))
        await settle()
        assert not spend.done()
        world.balances.write_gate.set()
        assert await spend == denied(6)
        assert world.balances.rows["ten"] == 6

    async def test_the_breaker_opens_so_that_later_spends_do_not_wait(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        world.counter.down = True
        for _ in range(8):
            await limiter.spend("ten", 1)
        assert world.states[-1] is BreakerState.OPEN

    async def test_a_copy_from_before_the_outage_is_not_trusted_after_it(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        """Otherwise what was spent in MySQL meanwhile could be spent once more."""
        await limiter.spend("ten", 1)
        await eventually(lambda: world.balances.rows["ten"] == 9)
        world.counter.down = True
        assert await limiter.spend("ten", 9) == allowed(0)
        world.counter.down = False
        assert await limiter.spend("ten", 1) == denied(0)

    async def test_many_at_once_do_not_keep_each_other_from_going_back_to_redis(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        world.balances.rows["k"] = 1_000
        await limiter.spend("k", 1)
        await eventually(lambda: world.balances.rows["k"] == 999)
        world.counter.down = True
        for _ in range(4):
            assert (await limiter.spend("k", 1)).allowed
        world.counter.down = False
        decisions = await asyncio.gather(*(limiter.spend("k", 1) for _ in range(40)))
        assert sorted(decision.remaining or 0 for decision in decisions) == list(range(955, 995))
        assert (limiter.counts.redis_allowed, limiter.counts.db_allowed) == (41, 4)
        assert (world.counter.forgets, world.balances.finds) == (1, 3)

    async def test_the_others_go_on_when_who_makes_the_copy_leaves(self, world: World, limiter: CreditLimiter) -> None:
        gate = world.balances.gate = asyncio.Event()
        first, *others = [asyncio.create_task(limiter.spend("ten", 1)) for _ in range(4)]
        await eventually(lambda: world.balances.finds == 1)
        first.cancel()
        await settle()
        gate.set()
        assert sorted([(await other).remaining or 0 for other in others]) == [7, 8, 9]

    async def test_what_goes_wrong_with_the_copy_goes_wrong_for_all_at_once(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        gate = world.balances.gate = asyncio.Event()
        spends = [asyncio.create_task(limiter.spend("ten", 1)) for _ in range(4)]
        await eventually(lambda: world.balances.finds == 1)
        world.balances.down = True
        gate.set()
        answers = await asyncio.gather(*spends, return_exceptions=True)
        assert [type(answer) for answer in answers] == [ServiceUnavailable] * 4
        assert world.balances.finds == 1

    async def test_failing_while_making_the_copy_falls_back(self, world: World, limiter: CreditLimiter) -> None:
        gate = world.balances.gate = asyncio.Event()
        spend = asyncio.create_task(limiter.spend("ten", 1))
        await eventually(lambda: world.balances.finds == 1)
        world.counter.down = True
        gate.set()
        assert await spend == allowed(9)
        assert world.balances.rows["ten"] == 9


class TestWithoutMysql:
    async def test_a_known_copy_still_serves(self, world: World, limiter: CreditLimiter) -> None:
        await limiter.spend("ten", 1)
        world.balances.down = True
        assert await limiter.spend("ten", 1) == allowed(8)

    async def test_an_unknown_balance_is_an_error_never_a_denial(self, world: World, limiter: CreditLimiter) -> None:
        world.balances.down = True
        with pytest.raises(ServiceUnavailable):
            await limiter.spend("ten", 1)
        world.counter.down = True
        with pytest.raises(ServiceUnavailable):
            await limiter.spend("ten", 1)


class TestReplays:
    async def test_mysql_follows_and_spends_of_one_key_are_summed_up(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        world.balances.rows["k"] = 1_000
        await limiter.spend("k", 1)
        world.balances.gate = asyncio.Event()
        for _ in range(50):
            await limiter.spend("k", 2)
        world.balances.gate.set()
        await eventually(lambda: world.balances.rows["k"] == 899)
        assert len(world.balances.writes) <= 3
        assert all(world.replayed.outcomes)

    async def test_denials_write_nothing(self, world: World, limiter: CreditLimiter) -> None:
        await limiter.spend("ten", 11)
        await limiter.spend("ten", 11)
        await settle()
        assert world.balances.writes == []

    async def test_a_late_write_leaves_a_key_that_became_unlimited_alone(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        world.balances.gate = None
        await limiter.spend("ten", 1)
        world.balances.rows["ten"] = None
        await eventually(lambda: len(world.balances.writes) == 1)
        assert world.balances.rows["ten"] is None

    async def test_a_failed_write_is_reported_and_made_later(self, world: World, limiter: CreditLimiter) -> None:
        await limiter.spend("ten", 1)
        world.balances.down = True
        await eventually(lambda: False in world.replayed.outcomes)
        world.balances.down = False
        await eventually(lambda: world.balances.rows["ten"] == 9)

    async def test_a_write_whose_answer_was_lost_takes_nothing_twice(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        world.balances.answers_lost = 3
        for left in (9, 8, 7):
            assert await limiter.spend("ten", 1) == allowed(left)
            await eventually(lambda: len(limiter.replays) == 0)
        assert world.balances.rows["ten"] == 7
        assert False in world.replayed.outcomes

    async def test_writes_refused_by_the_breaker_wait_and_are_not_lost(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        for number in range(6):
            world.balances.rows[f"k{number}"] = 100
            await limiter.spend(f"k{number}", 0)
        world.balances.down = True
        for number in range(5):
            await limiter.spend(f"k{number}", 1)
        await eventually(lambda: BreakerState.OPEN in world.states)
        await limiter.spend("k5", 7)
        await eventually(lambda: world.pauses > 0)
        world.balances.down = False
        world.clock.advance(60_000)
        await eventually(lambda: world.balances.rows["k5"] == 93)

    async def test_a_full_buffer_makes_spends_wait(self, world: World) -> None:
        async with world.node(bounds=ReplayBounds(capacity=2)) as limiter:
            for number in range(30):
                world.balances.rows[f"k{number}"] = 5
                await limiter.spend(f"k{number}", 0)
            world.balances.gate = asyncio.Event()
            spends = [asyncio.create_task(limiter.spend(f"k{number}", 1)) for number in range(30)]
            await settle(100)
            assert sum(not spend.done() for spend in spends) == 30 - WRITERS - 2
            world.balances.gate.set()
            await asyncio.gather(*spends)
        assert all(world.balances.rows[f"k{number}"] == 4 for number in range(30))

    async def test_a_spend_does_not_wait_for_room_for_ever(self, world: World) -> None:
        async with world.node(bounds=ReplayBounds(capacity=1, admit_seconds=0.01)) as limiter:
            for number in range(WRITERS + 2):
                world.balances.rows[f"k{number}"] = 5
                await limiter.spend(f"k{number}", 0)
            world.balances.gate = asyncio.Event()
            for number in range(WRITERS + 2):
                assert (await limiter.spend(f"k{number}", 1)).allowed
                await settle()
            world.balances.gate.set()

    async def test_leaving_writes_everything_even_past_an_open_breaker(self, world: World) -> None:
        async with world.node() as limiter:
            for number in range(6):
                world.balances.rows[f"k{number}"] = 100
                await limiter.spend(f"k{number}", 0)
            world.balances.down = True
            for number in range(5):
                await limiter.spend(f"k{number}", 1)
            await eventually(lambda: BreakerState.OPEN in world.states)
            for _ in range(20):
                await limiter.spend("k5", 2)
            world.balances.down = False
        assert world.balances.rows["k5"] == 60

    async def test_leaving_is_bounded(self, world: World) -> None:
        async with asyncio.timeout(5):
            async with world.node(bounds=ReplayBounds(drain_seconds=0.01)) as limiter:
                await limiter.spend("ten", 1)
                world.balances.gate = asyncio.Event()


class TestSeveralProcesses:
    """What one process has granted and not written, another one knows."""

    @asynccontextmanager
    async def two(self, world: World) -> AsyncIterator[tuple[CreditLimiter, CreditLimiter]]:
        async with world.node() as one, world.node() as two:
            yield one, two

    @pytest.mark.parametrize("end", ["expiry", "eviction", "invalidation"])
    async def test_the_end_of_a_copy_gives_nothing_back(self, world: World, end: str) -> None:
        world.balances.rows["k"] = 100
        async with self.two(world) as (one, two):
            await two.spend("k", 0)
            gate = await self._writes_hang(world, one)
            assert sum([(await one.spend("k", 1)).allowed for _ in range(89)]) == 89
            if end == "expiry":
                world.clock.advance(COPY_TTL_MS)
            elif end == "eviction":
                world.counter.drop("k")
            else:
                await two.invalidate("k")
            assert world.balances.rows["k"] == 100
            spends = [asyncio.create_task(two.spend("k", 1)) for _ in range(20)]
            await settle(100)
            gate.set()
            assert sum([(await spend).allowed for spend in spends]) == 10
        assert world.balances.rows["k"] == 0

    async def test_what_a_dead_process_granted_is_written_by_the_next_spend(self, world: World) -> None:
        async with world.node() as living:
            await living.spend("ten", 0)
            await world.counter.take("ten", 4)  # and then no more was heard of it
            assert await living.spend("ten", 1) == allowed(5)
            await eventually(lambda: world.balances.rows["ten"] == 5)

    async def test_what_a_dead_process_granted_is_written_before_the_balance_is_changed(self, world: World) -> None:
        async with world.node() as living:
            await living.spend("ten", 0)
            await world.counter.take("ten", 4)
            await living.flush("ten")
            assert world.balances.rows["ten"] == 6

    async def test_a_copy_that_ended_with_its_last_spender_is_settled_by_a_denial(self, world: World) -> None:
        async with world.node() as living:
            await living.spend("ten", 0)
            await world.counter.take("ten", 10)
            world.clock.advance(COPY_TTL_MS)
            assert await living.spend("ten", 1) == denied(0)
            await eventually(lambda: world.balances.rows["ten"] == 0)

    async def test_a_balance_that_changed_while_it_was_read_is_read_again(self, world: World) -> None:
        async with self.two(world) as (one, two):
            world.balances.gate = asyncio.Event()
            spend = asyncio.create_task(one.spend("ten", 1))
            await eventually(lambda: world.balances.finds == 1)
            read, world.balances.rows["ten"] = world.balances.gate, 3
            world.balances.gate = None
            await two.invalidate("ten")
            read.set()
            assert await spend == allowed(2)

    async def test_losing_redis_gives_away_what_others_had_not_written_and_no_more(self, world: World) -> None:
        world.balances.rows["k"] = 100
        async with self.two(world) as (one, two):
            await one.spend("k", 0)
            for _ in range(60):
                assert (await one.spend("k", 1)).allowed
            await eventually(lambda: world.balances.rows["k"] == 40)
            gate = await self._writes_hang(world, one)
            for _ in range(7):
                assert (await one.spend("k", 1)).allowed
            world.counter.lose_everything()
            world.clock.advance(1)
            gate.set()
            granted = 0
            while (await two.spend("k", 1)).allowed:
                granted += 1
            assert granted <= 40
            await eventually(lambda: len(one.replays) + len(two.replays) == 0)
            assert world.balances.rows["k"] == 0
            world.clock.advance(EARLY_COPY_TTL_MS)
            assert await one.spend("k", 1) == denied(0)

    async def test_what_waits_here_is_missing_also_after_losing_redis(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        await limiter.spend("ten", 0)
        world.balances.down = True
        assert await limiter.spend("ten", 6) == allowed(4)
        await settle()
        world.counter.lose_everything()
        world.balances.down = False
        world.clock.advance(1)
        assert await limiter.spend("ten", 5) == denied(4)

    async def _writes_hang(self, world: World, limiter: CreditLimiter) -> asyncio.Event:
        """Have a spend's write wait, with others behind it, until the event is set."""
        gate = world.balances.write_gate = asyncio.Event()
        assert (await limiter.spend("k", 1)).allowed
        await settle()
        return gate


class TestInvalidation:
    async def test_the_next_spend_reads_mysql_again(self, world: World, limiter: CreditLimiter) -> None:
        await limiter.spend("ten", 1)
        await limiter.flush("ten")
        assert world.balances.rows["ten"] == 9
        world.balances.rows["ten"] = 100
        await limiter.invalidate("ten")
        assert await limiter.spend("ten", 1) == allowed(99)

    async def test_a_failed_invalidation_is_made_up_for_by_the_next_spend(
        self, world: World, limiter: CreditLimiter
    ) -> None:
        await limiter.spend("ten", 1)
        await limiter.flush("ten")
        world.counter.down = True
        world.balances.rows["ten"] = 100
        await limiter.invalidate("ten")
        world.counter.down = False
        assert await limiter.spend("ten", 1) == allowed(99)

    async def test_settling_writes_first_and_gives_up_in_time(self, world: World) -> None:
        async with world.node(bounds=ReplayBounds(settle_seconds=0.01)) as limiter:
            await limiter.spend("ten", 1)
            await limiter.flush("ten")
            assert world.balances.rows["ten"] == 9
            world.balances.gate = asyncio.Event()
            await limiter.spend("ten", 1)
            await limiter.flush("ten")
            assert world.balances.rows["ten"] == 9
            world.balances.gate.set()
            await eventually(lambda: world.balances.rows["ten"] == 8)
