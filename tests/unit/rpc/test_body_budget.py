"""Shares of the budget for heavy bodies: handed out in order, bounded in bytes and calls, never lost."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.support.waiting import eventually
from unkey_api.rpc.bodies.budget import BodyBudget, BodyLimits, Share, TooManyHeavyBodies


def budget(**limits: float) -> BodyBudget:
    return BodyBudget(BodyLimits(**{"heavy_bytes": 100, "heavy_calls": 3, "heavy_calls_per_workspace": 2, **limits}))  # type: ignore[arg-type]  # numbers all


async def waiting(made: BodyBudget, workspace_id: str, size: int) -> asyncio.Task[Share]:
    task = asyncio.create_task(made.share(workspace_id, size))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_bytes_are_bounded_and_handed_on_in_order() -> None:
    made = budget()
    first = await made.share("a", 60)
    second, third = await waiting(made, "b", 60), await waiting(made, "c", 60)
    assert not second.done()
    first.give_back()
    assert (await second).workspace_id == "b"
    assert not third.done()
    second.result().give_back()
    (await third).give_back()
    assert made.bytes_taken == 0


async def test_a_body_beyond_the_whole_budget_goes_alone() -> None:
    made = budget()
    share = await made.share("a", 1_000)
    other = await waiting(made, "b", 1)
    assert not other.done()
    share.give_back()
    (await other).give_back()


async def test_a_busy_workspace_does_not_keep_others_waiting() -> None:
    made = budget()
    taken = [await made.share("a", 1) for _ in range(2)]
    third = await waiting(made, "a", 1)
    assert not third.done()
    taken.append(await made.share("b", 1))
    taken[0].give_back()
    await third


async def test_waiting_ends_and_leaves_nothing_behind() -> None:
    made = budget(wait_seconds=0.01)
    share = await made.share("a", 100)
    with pytest.raises(TooManyHeavyBodies):
        await made.share("b", 100)
    share.give_back()
    (await made.share("b", 100)).give_back()
    assert made.bytes_taken == 0


@pytest.mark.parametrize("given", [False, True])
async def test_who_stops_waiting_gives_back_what_came_in_that_moment(*, given: bool) -> None:
    made = budget()
    share = await made.share("a", 100)
    task = await waiting(made, "b", 100)
    if given:
        share.give_back()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if not given:
        share.give_back()
    assert made.bytes_taken == 0
    (await made.share("c", 100)).give_back()


async def test_one_workspace_cannot_queue_without_end() -> None:
    made = budget()
    await made.share("a", 100)
    tasks = [await waiting(made, "b", 100) for _ in range(3)]
    with pytest.raises(TooManyHeavyBodies):
        await made.share("b", 100)
    for task in tasks:
        task.cancel()
    await eventually(lambda: all(task.done() for task in tasks))


async def test_work_is_done_on_one_other_thread() -> None:
    made = budget()
    threads = {await made.run(threading.get_ident) for _ in range(5)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_between_two_pieces_of_work_others_have_their_time() -> None:
    made, loop = budget(), asyncio.get_running_loop()
    ends: list[float] = []

    def work() -> float:
        began = loop.time()
        while loop.time() < began + 0.02:
            pass
        ends.append(loop.time())
        return began

    _, second = await asyncio.gather(made.run(work), made.run(work))
    assert second - ends[0] >= 0.015
