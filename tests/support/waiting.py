"""Waiting for a condition instead of for time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], bool | Awaitable[bool]], *, within_seconds: float = 10.0) -> None:
    """Return as soon as the condition holds; fail the test if it does not in time."""
    async with asyncio.timeout(within_seconds):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.001)


async def settle(turns: int = 20) -> None:
    """Let everything that is ready run, without letting time pass."""
    for _ in range(turns):
        await asyncio.sleep(0)


def running(prefix: str) -> bool:
    """Whether there is a task whose name begins like this."""
    return any(task.get_name().startswith(prefix) for task in asyncio.all_tasks())
