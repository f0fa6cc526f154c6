"""Expensive verifications within bounds: a few threads, a short queue, and a budget for each workspace."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from unkey_api.core.clock import Clock
from unkey_api.keys.schemes.errors import HashingBusy, HashingNotInstalled

QUEUE_PER_THREAD = 8  # at a quarter of a second each, the last in line waits two seconds
WORKSPACES_MAX = 10_000

Verify = Callable[[str, str], bool]
"""Takes hash and secret. Blocks. Raises RuntimeError when it cannot be done here at all."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Budget:
    """How many expensive verifications each workspace may ask for: a token bucket that holds two seconds' worth."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._rate = per_second
        self._burst = max(1.0, 2 * per_second)
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, workspace_id: str) -> bool:
        """Take one verification off the budget; False when it is used up."""
        now = self._clock.monotonic()
        bucket = self._buckets.pop(workspace_id, None) or _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets[workspace_id] = bucket
        # The workspace that was quiet for the longest has a full bucket by now, or as good as.
        if len(self._buckets) > WORKSPACES_MAX:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


class SlowHashes:
    """Verifies bcrypt and Argon2 hashes off the event loop."""

    def __init__(self, verify: Verify, budget: Budget, pool: ThreadPoolExecutor, *, threads: int) -> None:
        self._verify = verify
        self._budget = budget
        self._pool = pool
        self._running = 0
        self._running_max = threads * (1 + QUEUE_PER_THREAD)

    async def matches(self, workspace_id: str, phc: str, secret: str) -> bool:
        """Say whether the hash is of this secret. A caller that leaves does not stop the thread, which stays counted.

        Raises:
            HashingBusy: The workspace's budget is used up, or the queue is full. Nothing was computed.
            HashingNotInstalled: The package for this kind of hash is missing.
        """
        if self._running >= self._running_max or not self._budget.take(workspace_id):
            raise HashingBusy
        self._running += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._verify, phc, secret)
        future.add_done_callback(self._ended)
        try:
            return await asyncio.shield(future)
        except RuntimeError as err:
            raise HashingNotInstalled(str(err)) from err

    def _ended(self, future: asyncio.Future[bool]) -> None:
        self._running -= 1
        if not future.cancelled():
            future.exception()  # whoever waited has it; asyncio must not complain when nobody did


@asynccontextmanager
async def open_slow_hashes(
    verify: Verify, *, clock: Clock, threads: int, per_second: float
) -> AsyncIterator[SlowHashes]:
    """Run verifications on up to `threads` threads, `per_second` for each workspace; on leaving, drop what waits."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="slow-hash")
    try:
        yield SlowHashes(verify, Budget(per_second, clock), pool, threads=threads)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
