"""Single flight, background jobs and periodic work."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.clock import FixedClock
from tests.support.waiting import settle
from unkey_api.infra.resilience.tasks import BackgroundJobs, SingleFlight, repeat_every


class Naps:
    """A sleep that only notes what it was asked."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0)


class TestSingleFlight:
    async def test_concurrent_calls_share_one_run_and_later_ones_start_anew(self) -> None:
        flights: SingleFlight[str, int] = SingleFlight("f")
        runs = 0

        async def work() -> int:
            nonlocal runs
            runs += 1
            await asyncio.sleep(0)
            return runs

        assert await asyncio.gather(*(flights.run("k", work) for _ in range(10))) == [1] * 10
        assert await flights.run("k", work) == 2
        assert "k" not in flights

    async def test_a_cancelled_first_caller_leaves_the_others_undisturbed(self) -> None:
        flights: SingleFlight[str, str] = SingleFlight("f")
        gate = asyncio.Event()

        async def work() -> str:
            await gate.wait()
            return "done"

        first = asyncio.create_task(flights.run("k", work))
        await asyncio.sleep(0)
        second = asyncio.create_task(flights.run("k", work))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        gate.set()
        assert first.cancelled()
        assert await second == "done"

    async def test_the_error_reaches_everyone_and_is_not_kept(self) -> None:
        flights: SingleFlight[str, str] = SingleFlight("f")

        async def fail() -> str:
            await asyncio.sleep(0)
            raise ValueError("no")

        async def work() -> str:
            return "yes"

        results = await asyncio.gather(*(flights.run("k", fail) for _ in range(3)), return_exceptions=True)
        assert [str(result) for result in results] == ["no"] * 3
        assert await flights.run("k", work) == "yes"

    async def test_close_ends_what_runs(self) -> None:
        flights: SingleFlight[str, bool] = SingleFlight("f")
        caller = asyncio.create_task(flights.run("k", asyncio.Event().wait))
        await asyncio.sleep(0)
        await flights.close()
        await asyncio.gather(caller, return_exceptions=True)
        assert caller.cancelled()


class TestBackgroundJobs:
    async def test_at_most_so_many_run_and_the_queue_is_bounded(self) -> None:
        jobs = BackgroundJobs("j", max_running=2, max_queued=3)
        gate = asyncio.Event()
        running = 0
        most = 0

        async def job() -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await gate.wait()
            running -= 1

        assert [jobs.submit(job) for _ in range(2)] == [True, True]
        await settle()
        assert [jobs.submit(job) for _ in range(4)] == [True, True, True, False]
        gate.set()
        await jobs.idle()
        assert (most, running) == (2, 0)

    async def test_a_failing_job_does_not_stop_the_next(self) -> None:
        jobs = BackgroundJobs("j", max_running=1)
        done = asyncio.Event()

        async def fail() -> None:
            raise ValueError("job")

        async def work() -> None:
            done.set()

        jobs.submit(fail)
        jobs.submit(work)
        await jobs.idle()
        assert done.is_set()

    async def test_close_drains_then_cancels_and_refuses_more(self) -> None:
        jobs = BackgroundJobs("j", max_running=1)
        finished: list[int] = []
        stuck = asyncio.Event()

        async def work() -> None:
            finished.append(1)

        async def hang() -> None:
            await stuck.wait()
            finished.append(2)

        jobs.submit(work)
        jobs.submit(hang)
        await jobs.close(grace_seconds=0.01)
        assert finished == [1]
        assert not jobs.submit(work)


class TestRepeatEvery:
    async def run_until(self, stop_after: int, clock: FixedClock, **options: float) -> list[float]:
        naps: list[float] = []
        cost_ms = int(options.get("cost_ms", 0))

        async def work() -> None:
            clock.advance(cost_ms)
            if options.get("fails"):
                raise ValueError("periodic")

        async def sleep(seconds: float) -> None:
            naps.append(round(seconds, 6))
            clock.advance(round(seconds * 1000))
            if len(naps) == stop_after:
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await repeat_every(5.0, work, name="w", clock=clock, jitter=lambda: options.get("jitter", 0.0), sleep=sleep)
        return naps

    async def test_a_slow_run_does_not_shift_the_schedule(self) -> None:
        assert await self.run_until(3, FixedClock(0), cost_ms=2_000) == [3.0, 3.0, 3.0]

    async def test_missed_runs_are_dropped_and_the_schedule_starts_again(self) -> None:
        assert await self.run_until(2, FixedClock(0), cost_ms=12_000) == [5.0, 5.0]

    async def test_an_error_does_not_stop_it(self) -> None:
        assert await self.run_until(3, FixedClock(0), fails=1) == [5.0, 5.0, 5.0]

    async def test_jitter_stretches_the_interval(self) -> None:
        assert await self.run_until(2, FixedClock(0), jitter=0.2) == [6.0, 6.0]
