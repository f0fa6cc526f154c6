"""Services that run beside requests, and their end."""

from __future__ import annotations

import asyncio

from unkey_api.container.lifecycle import running


async def test_work_with_nothing_to_lose_is_not_waited_for() -> None:
    failed, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with asyncio.timeout(30), running("work", work(), close=lambda: None, failed=failed, grace_seconds=0.0):
        await asyncio.sleep(0)
    assert (ended.is_set(), failed.is_set()) == (True, False)
