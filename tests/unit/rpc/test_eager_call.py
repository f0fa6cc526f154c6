"""A call that is stepped by hand behaves like one that is awaited."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.waiting import settle
from unkey_api.rpc.interceptors.guard import EagerCall


class TestWithoutWaiting:
    async def test_the_value_is_there_at_once(self) -> None:
        async def call() -> int:
            return 7

        step = EagerCall(call())
        assert step.finished
        assert step.value == 7

    async def test_a_failure_is_raised_at_once(self) -> None:
        async def call() -> int:
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            EagerCall(call())


class TestWaiting:
    async def test_the_rest_runs_when_awaited(self) -> None:
        reached: list[str] = []
        first, second = asyncio.Event(), asyncio.Event()

        async def call() -> str:
            reached.append("start")
            await first.wait()
            reached.append("middle")
            await second.wait()
            return "end"

        async def run() -> str:
            step = EagerCall(call())
            assert not step.finished
            assert reached == ["start"]
            return await step

        task = asyncio.create_task(run())
        await settle()
        first.set()
        await settle()
        assert reached == ["start", "middle"]
        second.set()
        assert await task == "end"

    async def test_a_yield_to_the_loop_counts_as_waiting(self) -> None:
        async def call() -> int:
            await asyncio.sleep(0)
            return 1

        step = EagerCall(call())
        assert not step.finished
        assert await step == 1

    async def test_a_failure_of_what_is_waited_for_reaches_the_call(self) -> None:
        broken: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def call() -> str:
            try:
                await broken
            except OSError as error:
                return str(error)
            return "unreachable"

        step = EagerCall(call())
        broken.set_exception(OSError("gone"))
        assert await step == "gone"

    async def test_a_cancellation_reaches_the_call_which_may_still_wait(self) -> None:
        cleaned = asyncio.Event()

        async def call() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                cleaned.set()

        async def run() -> None:
            await EagerCall(call())

        task = asyncio.create_task(run())
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cleaned.is_set()

    async def test_steps_nest(self) -> None:
        gate = asyncio.Event()

        async def innermost() -> int:
            await gate.wait()
            return 3

        async def inner() -> int:
            step = EagerCall(innermost())
            return step.value if step.finished else await step

        step = EagerCall(inner())
        assert not step.finished
        gate.set()
        assert await step == 3
