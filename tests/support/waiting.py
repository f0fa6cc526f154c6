"""Waiting for a condition instead of for time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Let other tasks run until `condition` holds; fail when it takes longer."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


async def settle(turns: int = 20) -> None:
    """Let everything that is ready run, without letting time pass."""
    for _ in range(turns):
        await asyncio.sleep(0)
