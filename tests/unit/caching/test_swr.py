"""The cache: what it serves when, and that the source is asked no more than needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

import pytest

from tests.support.clock import FixedClock
from tests.support.waiting import settle
from unkey_api.infra.caching.swr import Cached, CacheWindows, Freshness, SwrCache
from unkey_api.infra.resilience.breaker import DependencyTimeout
from unkey_api.infra.resilience.tasks import BackgroundJobs

FRESH_MS = 10_000
STALE_MS = 60_000


class Absent(Exception):
    pass


class Source:
    """What the cache stands in front of."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {"a": "1"}
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.running = 0
        self.most_running = 0

    async def load(self, key: str) -> str | None:
        self.asked.append(key)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        value = self.rows.get(key)
        try:
            await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
            if self.error is not None:
                raise self.error
            return value
        finally:
            self.running -= 1

    async def load_many(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(",".join(keys))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return {key: self.rows[key] for key in keys if key in self.rows}


async def hanging(source: Source) -> Mapping[str, str]:
    assert source.gate is not None
    await source.gate.wait()
    return source.rows


class Reads:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def cache_read(self, cache: str, freshness: Freshness, seconds: float) -> None:
        assert seconds > 0
        self.seen.append((cache, freshness.value))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
async def jobs() -> AsyncIterator[BackgroundJobs]:
    jobs = BackgroundJobs("refresh")
    yield jobs
    await jobs.close(grace_seconds=0.1)


@pytest.fixture
async def cache(clock: FixedClock, jobs: BackgroundJobs, reads: Reads) -> AsyncIterator[SwrCache[str, str]]:
    windows = CacheWindows(
        fresh=timedelta(milliseconds=FRESH_MS), stale=timedelta(milliseconds=STALE_MS), max_entries=100
    )
    cache: SwrCache[str, str] = SwrCache("things", clock=clock, windows=windows, refreshes=jobs, observer=reads)
    yield cache
    await cache.close()


class TestFresh:
    async def test_first_read_loads_and_the_next_does_not(self, cache: SwrCache[str, str], source: Source) -> None:
        assert await cache.get("a", source.load) == Cached("1", Freshness.MISS)
        assert await cache.get("a", source.load) == Cached("1", Freshness.FRESH)
        assert source.asked == ["a"]

    async def test_peek_serves_fresh_entries_only(
        self, cache: SwrCache[str, str], source: Source, clock: FixedClock
    ) -> None:
        assert cache.peek("a") is None
        await cache.get("a", source.load)
        clock.advance(FRESH_MS - 1)
        assert cache.peek("a") == Cached("1", Freshness.FRESH)
        clock.advance(1)
        assert cache.peek("a") is None

    async def test_absence_is_remembered(self, cache: SwrCache[str, str], source: Source) -> None:
        assert await cache.get("none", source.load) == Cached(None, Freshness.MISS)
        assert await cache.get("none", source.load) == Cached(None, Freshness.FRESH)
        assert source.asked == ["none"]

    async def test_an_error_may_mean_absence(self, cache: SwrCache[str, str], source: Source) -> None:
        source.error = Absent()
        found = await cache.get("x", source.load, is_absent=lambda error: isinstance(error, Absent))
        assert found == Cached(None, Freshness.MISS)
        assert cache.peek("x") == Cached(None, Freshness.FRESH)


class TestStale:
    async def test_the_old_value_comes_at_once_and_a_later_read_sees_the_new_one(
        self, cache: SwrCache[str, str], source: Source, clock: FixedClock, jobs: BackgroundJobs
    ) -> None:
        await cache.get("a", source.load)
        source.rows["a"] = "2"
        clock.advance(FRESH_MS)
        assert await cache.get("a", source.load) == Cached("1", Freshness.STALE)
        await jobs.idle()
        assert await cache.get("a", source.load) == Cached("2", Freshness.FRESH)
        assert source.asked == ["a", "a"]

    async def test_refreshes_of_one_key_never_overlap(
        self, cache: SwrCache[str, str], source: Source, clock: FixedClock, jobs: BackgroundJobs
    ) -> None:
        await cache.get("a", source.load)
        clock.advance(FRESH_MS)
        source.gate = asyncio.Event()
        for _ in range(5):
            await cache.get("a", source.load)
            await settle()
            clock.advance(2_000)
        assert source.most_running == 1
        assert source.asked == ["a", "a"]
        source.gate.set()
        await jobs.idle()

    async def test_a_failing_refresh_keeps_the_old_value_and_is_not_repeated_at_once(
        self, cache: SwrCache[str, str], source: Source, clock: FixedClock, jobs: BackgroundJobs
    ) -> None:
        await cache.get("a", source.load)
        clock.advance(FRESH_MS)
        source.error = ValueError("away")
        for _ in range(10):
            assert (await cache.get("a", source.load)).value == "1"
            await jobs.idle()
        assert source.asked == ["a", "a"]
        clock.advance(1_000)
        await cache.get("a", source.load)
        await jobs.idle()
        assert source.asked == ["a", "a", "a"]

    async def test_a_refresh_that_finds_nothing_stores_absence(
        self, cache: SwrCache[str, str], source: Source, clock: FixedClock, jobs: BackgroundJobs
    ) -> None:
        await cache.get("a", source.load)
        del source.rows["a"]
        clock.advance(FRESH_MS)
        await cache.get("a", source.load)
        await jobs.idle()
        assert cache.peek("a") == Cached(None, Freshness.FRESH)

    async def test_after_the_stale_window_the_caller_waits_for_the_load(
        self, cache: SwrCache[str, str], source: Source, clock: FixedClock
    ) -> None:
        await cache.get("a", source.load)
        source.rows["a"] = "2"
        clock.advance(STALE_MS - 1)
        assert (await cache.get("a", source.load)).freshness is Freshness.STALE
        await settle()
        cache.drop("a")
        cache.set("a", "1")
        clock.advance(STALE_MS)
        assert await cache.get("a", source.load) == Cached("2", Freshness.MISS)

    async def test_a_full_refresh_queue_still_serves(self, source: Source, clock: FixedClock) -> None:
        none = BackgroundJobs("none", max_queued=0)
        windows = CacheWindows(fresh=timedelta(milliseconds=1), stale=timedelta(milliseconds=100), max_entries=10)
        cache: SwrCache[str, str] = SwrCache("c", clock=clock, windows=windows, refreshes=none)
        cache.set("a", "1")
        clock.advance(1)
        assert await cache.get("a", source.load) == Cached("1", Freshness.STALE)
        assert cache.counts.refresh_dropped == 1


class TestSingleFlight:
    async def test_concurrent_cold_readers_share_one_load(self, cache: SwrCache[str, str], source: Source) -> None:
        results = await asyncio.gather(*(cache.get("a", source.load) for _ in range(20)))
        assert {result.value for result in results} == {"1"}
        assert source.asked == ["a"]

    async def test_a_cancelled_first_reader_does_not_disturb_the_others(
        self, cache: SwrCache[str, str], source: Source
    ) -> None:
        source.gate = asyncio.Event()
        first = asyncio.create_task(cache.get("a", source.load))
        await settle()
        second = asyncio.create_task(cache.get("a", source.load))
        await settle()
        first.cancel()
        await settle()
        source.gate.set()
        assert (await second).value == "1"
        assert source.asked == ["a"]

    async def test_a_failed_load_reaches_all_and_is_not_remembered(
        self, cache: SwrCache[str, str], source: Source
    ) -> None:
        source.error = ValueError("away")
        results = await asyncio.gather(*(cache.get("a", source.load) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(result, ValueError) for result in results)
        assert len(cache) == 0
        source.error = None
        assert (await cache.get("a", source.load)).value == "1"

    async def test_a_source_that_has_gone_silent_fails_the_readers_and_is_not_remembered(
        self, clock: FixedClock, jobs: BackgroundJobs, source: Source
    ) -> None:
        windows = CacheWindows(
            fresh=timedelta(milliseconds=FRESH_MS),
            stale=timedelta(milliseconds=STALE_MS),
            max_entries=100,
            load=timedelta(seconds=0.01),
        )
        cache: SwrCache[str, str] = SwrCache("things", clock=clock, windows=windows, refreshes=jobs)
        source.gate = asyncio.Event()
        with pytest.raises(DependencyTimeout):
            await cache.get("a", source.load)
        with pytest.raises(DependencyTimeout):
            await cache.get_many(["b"], lambda _: hanging(source))
        assert (len(cache), source.running) == (0, 0)
        source.gate.set()
        assert (await cache.get("a", source.load)).value == "1"


class TestInvalidation:
    @pytest.mark.parametrize("how", ["drop", "set", "drop_all"])
    async def test_what_was_being_loaded_before_does_not_come_back(
        self, cache: SwrCache[str, str], source: Source, how: str
    ) -> None:
        source.gate = asyncio.Event()
        reader = asyncio.create_task(cache.get("a", source.load))
        await settle()
        if how == "drop":
            cache.drop("a")
        elif how == "set":
            cache.set("a", "new")
        else:
            cache.drop_all()
        source.gate.set()
        await reader
        await settle()
        assert cache.peek("a") == (Cached("new", Freshness.FRESH) if how == "set" else None)

    async def test_a_reader_after_a_removal_does_not_join_the_load_from_before(
        self, cache: SwrCache[str, str], source: Source
    ) -> None:
        source.gate = asyncio.Event()
        before = asyncio.create_task(cache.get("a", source.load))
        await settle()
        source.rows["a"] = "2"
        cache.drop("a")
        after = asyncio.create_task(cache.get("a", source.load))
        await settle()
        source.gate.set()
        assert (await after).value == "2"
        await before
        assert cache.peek("a") == Cached("2", Freshness.FRESH)


class TestBound:
    async def test_size_is_bounded_and_what_is_read_survives(self, clock: FixedClock, jobs: BackgroundJobs) -> None:
        windows = CacheWindows(fresh=timedelta(seconds=1), stale=timedelta(seconds=2), max_entries=10)
        cache: SwrCache[int, int] = SwrCache("c", clock=clock, windows=windows, refreshes=jobs)
        cache.set(-1, -1)
        for number in range(1_000):
            assert cache.peek(-1) is not None
            cache.set(number, number)
        assert len(cache) == 10
        assert cache.counts.evicted == 991

    async def test_even_when_everything_is_in_use_something_goes(self, clock: FixedClock, jobs: BackgroundJobs) -> None:
        windows = CacheWindows(fresh=timedelta(seconds=1), stale=timedelta(seconds=2), max_entries=100)
        cache: SwrCache[int, int] = SwrCache("c", clock=clock, windows=windows, refreshes=jobs)
        for number in range(300):
            cache.set(number, number)
            cache.peek(number)
        assert len(cache) == 100


class TestRoom:
    """Entries of what exists are bounded in bytes, those of what does not have a place of their own."""

    @pytest.fixture
    def cache(self, clock: FixedClock, jobs: BackgroundJobs) -> SwrCache[str, str]:
        windows = CacheWindows(
            fresh=timedelta(seconds=1), stale=timedelta(seconds=2), max_entries=1_000, max_bytes=10_000, max_absent=5
        )
        return SwrCache("c", clock=clock, windows=windows, refreshes=jobs, weigh=len)

    async def test_what_does_not_exist_pushes_out_nothing_that_does(
        self, cache: SwrCache[str, str], source: Source
    ) -> None:
        """Guessed keys cost their own place."""
        cache.set("a", "1")
        for number in range(100):
            assert (await cache.get(f"guess {number}", source.load)).value is None
        assert cache.peek("a") == Cached("1", Freshness.FRESH)
        assert (cache.present, cache.absent, len(cache)) == (1, 5, 6)
        assert (cache.counts.evicted, cache.counts.absent_evicted) == (0, 95)
        assert cache.peek("guess 99") == Cached(None, Freshness.FRESH)

    async def test_bytes_are_bounded_and_what_is_read_survives(self, cache: SwrCache[str, str]) -> None:
        cache.set("used", "x" * 2_000)
        for number in range(100):
            assert cache.peek("used") is not None
            cache.set(str(number), "x" * 1_000)
            assert cache.bytes <= 10_000
        assert cache.counts.evicted > 90

    async def test_a_large_entry_makes_room_for_itself(self, cache: SwrCache[str, str]) -> None:
        for number in range(7):
            cache.set(str(number), "x" * 1_000)
        cache.set("large", "x" * 9_000)
        assert cache.peek("large") is not None
        assert cache.present == 1

    async def test_one_that_is_too_large_is_served_and_not_kept(
        self, cache: SwrCache[str, str], source: Source
    ) -> None:
        """It must not empty the cache for everybody else."""
        cache.set("a", "1")
        source.rows["huge"] = "x" * 20_000
        assert (await cache.get("huge", source.load)).value == "x" * 20_000
        assert cache.peek("huge") is None
        assert cache.peek("a") == Cached("1", Freshness.FRESH)
        assert cache.counts.evicted == 1

    async def test_a_key_that_appears_leaves_the_absent_ones(self, cache: SwrCache[str, str], source: Source) -> None:
        await cache.get("b", source.load)
        cache.set("b", "2")
        assert (cache.present, cache.absent) == (1, 0)
        assert cache.peek("b") == Cached("2", Freshness.FRESH)
        cache.drop("b")
        assert (len(cache), cache.bytes) == (0, 0)

    async def test_no_room_for_what_does_not_exist_remembers_none(
        self, clock: FixedClock, jobs: BackgroundJobs, source: Source
    ) -> None:
        windows = CacheWindows(fresh=timedelta(seconds=1), stale=timedelta(seconds=2), max_entries=10, max_absent=0)
        cache: SwrCache[str, str] = SwrCache("c", clock=clock, windows=windows, refreshes=jobs)
        assert (await cache.get("none", source.load)).value is None
        assert (await cache.get("none", source.load)).value is None
        assert source.asked == ["none", "none"]

    async def test_absent_ones_are_refreshed_like_others(
        self, cache: SwrCache[str, str], source: Source, clock: FixedClock
    ) -> None:
        await cache.get("b", source.load)
        source.rows["b"] = "2"
        clock.advance(1_500)
        assert await cache.get("b", source.load) == Cached(None, Freshness.STALE)
        await settle()
        assert cache.peek("b") == Cached("2", Freshness.FRESH)


class TestMany:
    async def test_missing_keys_are_loaded_in_one_call_and_absent_ones_remembered(
        self, cache: SwrCache[str, str], source: Source
    ) -> None:
        source.rows["b"] = "2"
        await cache.get("a", source.load)
        found = await cache.get_many(["a", "b", "none", "b"], source.load_many)
        assert found == {
            "a": Cached("1", Freshness.FRESH),
            "b": Cached("2", Freshness.MISS),
            "none": Cached(None, Freshness.MISS),
        }
        assert source.asked == ["a", "b,none"]
        assert cache.peek("none") == Cached(None, Freshness.FRESH)

    async def test_stale_keys_are_refreshed_in_one_call_behind(
        self, cache: SwrCache[str, str], source: Source, clock: FixedClock, jobs: BackgroundJobs
    ) -> None:
        source.rows["b"] = "2"
        await cache.get_many(["a", "b"], source.load_many)
        source.rows.update(a="10", b="20")
        clock.advance(FRESH_MS)
        found = await cache.get_many(["a", "b"], source.load_many)
        assert [entry.value for entry in found.values()] == ["1", "2"]
        await jobs.idle()
        assert cache.peek("a") == Cached("10", Freshness.FRESH)
        assert source.asked == ["a,b", "a,b"]

    async def test_an_error_reaches_the_caller(self, cache: SwrCache[str, str], source: Source) -> None:
        source.error = ValueError("away")
        with pytest.raises(ValueError, match="away"):
            await cache.get_many(["a", "b"], source.load_many)
        assert len(cache) == 0


async def test_every_single_read_is_reported_with_its_status(
    cache: SwrCache[str, str], source: Source, clock: FixedClock, reads: Reads
) -> None:
    await cache.get("a", source.load)
    await cache.get("a", source.load)
    clock.advance(FRESH_MS)
    await cache.get("a", source.load)
    assert reads.seen == [("things", "miss"), ("things", "fresh"), ("things", "stale")]
    counts = cache.counts
    assert (counts.miss, counts.fresh, counts.stale) == (1, 1, 1)
