"""Try again, a few times, with growing waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

Sleep = Callable[[float], Awaitable[object]]
"""Waits that many seconds; tests pass one that only notes them."""


async def retry(
    work: Callable[[], Awaitable[T]],
    *,
    attempts: int = 3,
    wait_seconds: float = 0.1,
    should_retry: Callable[[Exception], bool] = lambda _: True,
    sleep: Sleep = asyncio.sleep,
) -> T:
    """Run `work` until it succeeds, at most `attempts` times; after attempt n wait n * `wait_seconds`.

    The last error is raised as it is. Cancellation stops at once, also during a wait.

    Raises:
        ValueError: `attempts` is below 1.
    """
    if attempts < 1:
        raise ValueError("attempts must be at least 1")
    attempt = 1
    while True:
        try:
            return await work()
        except Exception as error:
            if attempt >= attempts or not should_retry(error):
                raise
        await sleep(attempt * wait_seconds)
        attempt += 1
