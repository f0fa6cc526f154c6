"""Single checks: the sums, what a denial leaves behind, and when the store is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.support.clock import FixedClock
from tests.support.counters import MemoryCounterStore
from tests.support.limiter import MINUTE, START, Node, check
from tests.support.waiting import settle
from unkey_api.areas.ratelimit.engine.arithmetic import judge, push_threshold, used, window_end, window_of
from unkey_api.areas.ratelimit.engine.types import Check, InvalidCheck
from unkey_api.infra.resilience.breaker import BreakerState

BIGGEST = (1 << 63) - 1


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def node(clock: FixedClock) -> Node:
    return Node(clock)


class TestArithmetic:
    def test_windows_are_aligned_to_the_epoch(self) -> None:
        assert window_of(59_999, MINUTE) == 0
        assert window_of(60_000, MINUTE) == 1
        assert window_end(1, MINUTE) == 120_000

    @pytest.mark.parametrize(
        ("current", "previous", "into_ms", "expected"),
        [(5, 10, 30_000, 10), (5, 10, 59_400, 5), (0, 3, 20_000, 2), (0, 160_000, 30_000, 80_000), (7, 0, 1, 7)],
    )
    def test_the_previous_window_counts_by_its_share_cut_towards_zero(
        self, current: int, previous: int, into_ms: int, expected: int
    ) -> None:
        assert used(current, previous, into_ms=into_ms, duration_ms=MINUTE) == expected

    def test_exactly_the_limit_is_allowed(self) -> None:
        assert judge(10, 10) == (True, 10, 0)
        assert judge(11, 10) == (False, 11, 0)

    def test_a_limit_of_zero_denies_even_a_cost_of_zero(self) -> None:
        assert not judge(0, 0).allowed

    def test_sums_beyond_64_bits_do_not_wrap(self) -> None:
        assert not judge(used(BIGGEST, BIGGEST, into_ms=0, duration_ms=MINUTE) + BIGGEST, BIGGEST).allowed

    @pytest.mark.parametrize(("limit", "expected"), [(1, 1), (5, 1), (6, 2), (10, 2), (20, 4), (100, 20)])
    def test_push_threshold_is_a_fifth_rounded_up(self, limit: int, expected: int) -> None:
        assert push_threshold(limit) == expected


@pytest.mark.parametrize(
    ("current", "previous", "elapsed", "cost", "allowed", "remaining"),
    [
        (0, 0, 0.0, 1, True, 9),
        (9, 0, 0.0, 1, True, 0),
        (10, 0, 0.0, 0, True, 0),
        (10, 0, 0.0, 1, False, 0),
        (5, 10, 0.5, 1, False, 0),
        (5, 10, 0.99, 1, True, 4),
        (0, 0, 0.0, 100, False, 0),
        (11, 0, 0.0, 0, False, 0),
        (3, 0, 0.0, 0, True, 7),
    ],
)
async def test_table_of_decisions(
    node: Node, current: int, previous: int, elapsed: float, cost: int, *, allowed: bool, remaining: int
) -> None:
    node.set_counts(current=current, previous=previous)
    node.clock.advance(round(elapsed * MINUTE))
    decision = await node.ask(cost)
    assert (decision.success, decision.remaining) == (allowed, remaining)
    assert decision.limit == 10
    assert decision.reset_ms == START + MINUTE
    assert node.cell().value == current + (cost if allowed else 0)


class TestValidation:
    @pytest.mark.parametrize(
        "bad",
        [
            Check("", "ns", "u", 1, MINUTE),
            Check("ws", "", "u", 1, MINUTE),
            Check("ws", "ns", "", 1, MINUTE),
            Check("ws", "ns", "u", -1, MINUTE),
            Check("ws", "ns", "u", 1, 999),
            Check("ws", "ns", "u", 1, MINUTE, cost=-1),
        ],
    )
    async def test_a_broken_precondition_is_an_error_and_counts_nothing(self, node: Node, bad: Check) -> None:
        await node.ask()
        with pytest.raises(InvalidCheck):
            await node.limiter.limit(bad)
        with pytest.raises(InvalidCheck):
            await node.limiter.limit_many([check(), bad])
        assert node.cell().value == 1

    async def test_a_negative_cost_on_a_warm_counter_is_still_an_error(self, node: Node) -> None:
        await node.ask()
        assert node.limiter.try_limit_now(check(-1)) is None
        with pytest.raises(InvalidCheck):
            await node.ask(-1)


class TestZeroLimit:
    async def test_blocks_without_error_and_without_the_strict_time(self, node: Node) -> None:
        for _ in range(3):
            decision = await node.ask(0, limit=0)
            assert (decision.success, decision.remaining, decision.limit) == (False, 0, 0)
        assert (await node.ask(1)).success
        assert node.calls.take() == ["fetch_cold", "fetch_cold"]


class TestHugeNumbers:
    async def test_costs_near_64_bits_are_denied_not_wrapped(self, node: Node) -> None:
        assert (await node.ask(BIGGEST, limit=BIGGEST)).success
        assert not (await node.ask(BIGGEST, limit=BIGGEST)).success
        assert not (await node.ask(1, limit=BIGGEST)).success


class TestIdentity:
    async def test_limits_of_one_duration_share_a_counter(self, node: Node) -> None:
        await node.ask(8, limit=100)
        assert not (await node.ask(3, limit=10)).success

    async def test_durations_are_separate(self, node: Node) -> None:
        await node.ask(10)
        assert (await node.ask(10, duration_ms=10_000)).success

    async def test_the_store_key_is_readable_and_fixed(self, node: Node) -> None:
        await node.ask(3, identifier="a-b:c")
        await node.replay()
        assert node.store.value(f"ws-ns-a-b:c-60000:{START // MINUTE}") == 3

    async def test_given_times_choose_the_window(self, node: Node) -> None:
        await node.ask(10)
        later = await node.limiter.limit(check(10, time_ms=START + 2 * MINUTE))
        assert later.success
        assert later.reset_ms == START + 3 * MINUTE
        assert not (await node.ask(1)).success


class TestFreshness:
    async def test_store_is_asked_again_after_exactly_five_seconds(self, node: Node) -> None:
        await node.ask(0)
        assert node.calls.take() == ["fetch_cold", "fetch_cold"]
        node.clock.advance(4_999)
        await node.ask(0)
        assert node.calls.take() == []
        node.clock.advance(1)
        await node.ask(0)
        assert node.calls.take() == ["fetch_stale", "fetch_stale"]

    async def test_concurrent_stale_callers_cause_one_read(self, node: Node) -> None:
        await node.ask(0)
        node.clock.advance(5_000)
        before = len(node.store.reads)
        await asyncio.gather(*(node.ask(0) for _ in range(32)))
        assert len(node.store.reads) == before + 1

    async def test_concurrent_cold_callers_share_one_read_also_when_the_first_leaves(self, node: Node) -> None:
        node.set_counts(current=9)
        node.store.gate = asyncio.Event()
        first = asyncio.create_task(node.ask())
        await settle()
        others = [asyncio.create_task(node.ask()) for _ in range(5)]
        await settle()
        first.cancel()
        await settle()
        node.store.gate.set()
        decisions = await asyncio.gather(*others)
        assert sum(decision.success for decision in decisions) == 1
        assert len(node.store.reads) == 1

    async def test_failed_cold_read_is_repeated_after_exactly_300_milliseconds(self, node: Node) -> None:
        node.store.down = True
        assert (await node.ask()).success
        assert node.cell().fresh_until == START + 300
        node.clock.advance(299)
        await node.ask(0)
        assert node.calls.take() == ["fetch_cold", "fetch_cold"]
        node.clock.advance(1)
        node.store.down = False
        await node.ask(0)
        assert node.calls.take() == ["fetch_stale", "fetch_stale"]
        assert node.cell().fresh_until == START + 300 + 5_000

    async def test_failed_stale_read_keeps_the_count(self, node: Node) -> None:
        node.set_counts(current=7)
        await node.ask(0)
        node.store.down = True
        node.clock.advance(5_000)
        assert (await node.ask(0)).remaining == 3
        assert node.cell().fresh_until == START + 5_300

    async def test_a_slow_store_is_given_up_after_the_budget(self, node: Node) -> None:
        node.store.gate = asyncio.Event()
        async with asyncio.timeout(2):
            assert (await node.ask()).success
        assert [failure for _, failure in node.calls.seen] == ["timeout", "timeout"]

    async def test_a_replay_keeps_the_cell_fresh_by_the_limiters_clock(self, node: Node) -> None:
        await node.ask()
        node.clock.advance(2_000)
        await node.replay()
        assert node.cell().fresh_until == START + 7_000

    async def test_what_waits_to_be_sent_adds_to_what_the_store_holds(self, node: Node) -> None:
        """It is certainly not in there yet; forgetting it would admit it twice in the region."""
        await node.ask(3)
        node.store.put(node.cell().store_key, 5)
        node.clock.advance(5_000)
        assert (await node.ask(0)).current == 8

    async def test_the_previous_window_is_refreshed_behind_the_answer(self, node: Node) -> None:
        await node.ask()
        node.clock.advance(3_000)
        await node.replay()
        node.clock.advance(3_000)
        assert (node.cell().fresh_until, node.cell(back=1).fresh_until) == (START + 8_000, START + 5_000)
        node.set_counts(previous=5)
        reads = len(node.store.reads)
        assert node.limiter.try_limit_now(check()) is not None
        assert node.limiter.try_limit_now(check()) is not None
        await settle()
        assert len(node.store.reads) == reads + 1
        assert node.cell(back=1).value == 5
        assert node.cell(back=1).fresh_until == START + 11_000

    async def test_a_stale_count_that_denies_is_not_refreshed(self, node: Node) -> None:
        await node.ask(10)
        node.calls.take()
        node.clock.advance(6_000)
        denied = node.limiter.try_limit_now(check())
        assert denied is not None
        assert not denied.success
        assert node.calls.take() == []


class TestStrictTime:
    async def test_a_denial_makes_allowances_ask_the_store_for_one_duration(self, node: Node) -> None:
        await node.ask(11)
        counter = node.counter()
        assert counter.strict_until == START + MINUTE
        node.calls.take()
        assert (await node.ask(1)).success
        assert node.calls.take() == ["fetch_strict"]

    async def test_the_store_raises_the_running_window_only(self, node: Node) -> None:
        await node.ask(11)
        node.set_counts(current=999, previous=999)
        assert not (await node.ask(1)).success
        assert node.cell().value == 999
        assert node.cell(back=1).value == 0

    async def test_local_denials_do_not_ask(self, node: Node) -> None:
        """What the store says can only add to the counts, so it cannot turn a denial around."""
        await node.ask(10)
        for _ in range(5):
            assert not (await node.ask(1)).success
        assert node.calls.take() == ["fetch_cold", "fetch_cold"]

    async def test_it_ends(self, node: Node) -> None:
        await node.ask(11)
        node.clock.advance(MINUTE)
        await node.ask(1)
        node.calls.take()
        await node.ask(1)
        assert node.calls.take() == []

    async def test_a_store_that_is_down_does_not_deny(self, node: Node) -> None:
        await node.ask(11)
        node.store.down = True
        assert (await node.ask(10)).success

    async def test_a_confirmation_makes_the_count_fresh(self, node: Node) -> None:
        await node.ask(11)
        node.clock.advance(3_000)
        await node.ask(1)
        assert node.cell().fresh_until == START + 8_000


class TestWarmPath:
    async def test_decides_without_awaiting_once_the_cells_are_known(self, node: Node) -> None:
        assert node.limiter.try_limit_now(check()) is None
        await node.ask(4)
        decision = node.limiter.try_limit_now(check(2))
        assert decision == (True, 4, START + MINUTE, 10, 6)
        denied = node.limiter.try_limit_now(check(5))
        assert denied == (False, 0, START + MINUTE, 10, 11)

    async def test_refuses_to_guess_when_the_store_must_be_asked(self, node: Node) -> None:
        await node.ask()
        node.clock.advance(5_000)
        assert node.limiter.try_limit_now(check()) is None
        await node.ask(10)
        assert node.limiter.try_limit_now(check()) is None

    async def test_refuses_in_a_window_it_has_not_seen(self, node: Node) -> None:
        await node.ask()
        node.clock.advance(MINUTE)
        assert node.limiter.try_limit_now(check()) is None


class TestStoreAway:
    async def test_breaker_saves_most_of_the_reads(self, node: Node) -> None:
        node.store.down = True
        for number in range(100):
            assert (await node.ask(identifier=f"first{number}")).success
        before = len(node.store.reads)
        for number in range(100):
            assert (await node.ask(identifier=f"second{number}")).success
        assert len(node.store.reads) - before < 100
        assert node.breaker_states[-1] is BreakerState.OPEN

    async def test_comes_back_by_itself(self, node: Node) -> None:
        node.store.down = True
        for number in range(30):
            await node.ask(identifier=f"{number}")
        node.store.down = False
        node.clock.advance(5_000)
        for number in range(10):
            await node.ask(identifier=f"back{number}")
        node.set_counts(current=10, identifier="counted")
        assert not (await node.ask(identifier="counted")).success

    async def test_an_unexpected_error_of_the_store_is_not_the_callers(self, clock: FixedClock) -> None:
        class BrokenStore(MemoryCounterStore):
            async def read_many(self, keys: Sequence[str]) -> list[int]:
                raise RuntimeError("bug")

        assert (await Node(clock, BrokenStore(clock)).ask()).success


async def test_mid_window_burst_sees_what_the_region_counted(clock: FixedClock) -> None:
    """A count taken at the start of the window must not let a burst through half a minute later."""
    node = Node(clock)
    await node.ask(1_500, limit=162_000)
    await node.replay()
    node.store.put(node.cell().store_key, 161_500)
    clock.advance(30_000)
    decisions = await asyncio.gather(*(node.ask(1_500, limit=162_000) for _ in range(20)))
    assert sum(decision.success for decision in decisions) <= 1


async def test_nodes_sharing_a_store_admit_little_more_than_one(clock: FixedClock) -> None:
    nodes = [Node(clock)]
    nodes += [Node(clock, nodes[0].store) for _ in range(4)]
    for node in nodes:
        await node.ask(1_500, limit=162_000)
        await node.replay()
    clock.advance(30_000)
    admitted = 0
    pending: list[asyncio.Task[None]] = []
    for number in range(200):
        node = nodes[number % 5]
        admitted += (await node.ask(1_500, limit=162_000)).success
        pending.append(asyncio.create_task(node.replay()))
        clock.advance(20)
    await asyncio.gather(*pending)
    assert admitted * 1_500 <= 3 * 162_000


async def test_decisions_are_counted_by_workspace_source_and_outcome(node: Node) -> None:
    await node.ask(10)
    await node.ask(0)
    await node.ask(1)
    counts = node.limiter.counts.workspaces["ws"]
    assert (counts.origin_passed, counts.local_passed, counts.local_denied, counts.origin_denied) == (1, 1, 1, 0)
    assert counts.strict_activations == 1
    await node.ask(0)
    assert counts.origin_passed == 2
    assert node.limiter.counts.windows_created == 2
