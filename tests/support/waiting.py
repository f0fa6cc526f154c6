"""Waiting for a condition instead of for time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, within_seconds: float = 10.0, every_seconds: float = 0.001
) -> None:
    """Return as soon as the condition holds; fail the test if it does not in time.

    Asking more seldom is for conditions that take work to find out about.
    """
    async with asyncio.timeout(within_seconds):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(every_seconds)


class Stalls:
    """Time in which the loop did not get to run: the machine was busy, or somebody held the loop up.

    What a caller waited for something is what passed without these.
    """

    STEP_SECONDS = 0.02

    def __init__(self) -> None:
        self.seconds = 0.0

    async def _measure(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(self.STEP_SECONDS)
            self.seconds += max(0.0, time.monotonic() - began - self.STEP_SECONDS)

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[None]:
        """Look for stalls until the block ends."""
        task = asyncio.create_task(self._measure())
        try:
            yield
        finally:
            task.cancel()


class Stopwatch:
    """Remembers the longest wait."""

    def __init__(self, stalls: Stalls) -> None:
        self._stalls = stalls
        self.slowest = 0.0
        """Seconds without stalls: for saying that nobody waited longer."""
        self.longest = 0.0
        """Seconds with everything: for saying that somebody waited so long."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time the block."""
        began, stalled = time.monotonic(), self._stalls.seconds
        yield
        took = time.monotonic() - began
        self.longest = max(self.longest, took)
        self.slowest = max(self.slowest, took - (self._stalls.seconds - stalled))


async def settle(turns: int = 20) -> None:
    """Let everything that is ready run, without letting time pass."""
    for _ in range(turns):
        await asyncio.sleep(0)


def running(prefix: str) -> bool:
    """Whether there is a task whose name begins like this."""
    return any(task.get_name().startswith(prefix) for task in asyncio.all_tasks())
