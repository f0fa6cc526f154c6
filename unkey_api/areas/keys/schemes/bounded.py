"""Expensive verifications within bounds: a few threads, a fair turn for each workspace, and a budget by cost."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from unkey_api.areas.keys.schemes.salted import cost_of
from unkey_api.core.clock import Clock
from unkey_api.core.errors import AppError, ErrorCode, Unexpected


class HashingBusy(AppError):
    """Too many keys with expensive hashes are presented at once. Never a verdict: the caller may try again."""

    code = ErrorCode.USER_TOO_MANY_REQUESTS_WORKSPACE_RATE_LIMITED

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("Too many keys that still have an expensive hash are being verified. Please try again later.")
        self.retry_after_seconds = retry_after_seconds


class HashingNotInstalled(Unexpected):
    """The extra `migration` is not installed."""

    def __init__(self, internal: str) -> None:
        super().__init__("The key could not be verified.", internal=internal)


WAITING_PER_WORKSPACE = 8  # at a quarter of a second each, the last in line waits two seconds
WAITING_WORKSPACES = 256  # with something in line at the same time
WORKSPACES_MAX = 10_000

Verify = Callable[[str, str], bool]
"""Takes hash and secret. Blocks. Raises RuntimeError when it cannot be done here at all."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Budget:
    """What each workspace may have verified: a token bucket that holds two seconds' worth.

    A verification is let through while the bucket is not empty and then takes what it costs, if need be into debt: so
    one that costs more than the bucket holds comes to its turn too, and the next one waits for longer.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._rate = per_second
        self._burst = max(1.0, 2 * per_second)
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, workspace_id: str, cost: float = 1.0) -> float:
        """Take the cost off the budget and return 0; when it is used up, return in how many seconds it will not be.

        `cost` is counted in verifications of bcrypt 10; a cheaper one counts as one, because it occupies a thread too.
        """
        now = self._clock.monotonic()
        bucket = self._buckets.pop(workspace_id, None) or _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets[workspace_id] = bucket
        # The workspace that was quiet for the longest has a full bucket by now, or as good as.
        if len(self._buckets) > WORKSPACES_MAX:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._rate
        bucket.tokens -= max(1.0, cost)
        return 0.0


class FairTurns:
    """Hands out so many turns at a time. Workspaces that wait take them in turn, each with its own line."""

    def __init__(self, turns: int) -> None:
        self._free = turns
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def full(self, workspace_id: str) -> bool:
        """Say whether the workspace can not wait for another turn now."""
        line = self._lines.get(workspace_id)
        return len(self._lines) >= WAITING_WORKSPACES if line is None else len(line) >= WAITING_PER_WORKSPACE

    async def take(self, workspace_id: str) -> None:
        """Wait for a turn; `give_back` it. A caller that leaves while waiting gives up its place."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(workspace_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()  # it was given and came too late
            else:
                self._leave(workspace_id, turn)
            raise

    def give_back(self) -> None:
        """Pass the turn on to the workspace whose last turn is the longest ago."""
        if not self._lines:
            self._free += 1
            return
        workspace_id, line = self._lines.popitem(last=False)
        turn = line.popleft()
        if line:
            self._lines[workspace_id] = line
        turn.set_result(None)

    def _leave(self, workspace_id: str, turn: asyncio.Future[None]) -> None:
        line = self._lines[workspace_id]
        line.remove(turn)
        if not line:
            del self._lines[workspace_id]


class SlowHashes:
    """Verifies bcrypt and Argon2 hashes off the event loop."""

    def __init__(self, verify: Verify, budget: Budget, pool: ThreadPoolExecutor, *, threads: int) -> None:
        self._verify = verify
        self._budget = budget
        self._pool = pool
        self._turns = FairTurns(threads)

    async def matches(self, workspace_id: str, phc: str, secret: str) -> bool:
        """Say whether the hash is of this secret. A caller that leaves does not stop the thread, which stays counted.

        Raises:
            HashingBusy: The workspace's budget is used up, or its line is full. Nothing was computed.
            HashingNotInstalled: The package for this kind of hash is missing.
        """
        if self._turns.full(workspace_id):
            raise HashingBusy(1)
        wait_seconds = self._budget.take(workspace_id, cost_of(phc))
        if wait_seconds:
            raise HashingBusy(math.ceil(wait_seconds))
        await self._turns.take(workspace_id)
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._verify, phc, secret)
        future.add_done_callback(self._ended)
        try:
            return await asyncio.shield(future)
        except RuntimeError as err:
            raise HashingNotInstalled(str(err)) from err

    def _ended(self, future: asyncio.Future[bool]) -> None:
        self._turns.give_back()
        if not future.cancelled():
            future.exception()  # whoever waited has it; asyncio must not complain when nobody did


@asynccontextmanager
async def open_slow_hashes(
    verify: Verify, *, clock: Clock, threads: int, per_second: float
) -> AsyncIterator[SlowHashes]:
    """Run verifications on up to `threads` threads; on leaving, drop what waits.

    `per_second` is what each workspace may ask for, counted in verifications of bcrypt 10.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="slow-hash")
    try:
        yield SlowHashes(verify, Budget(per_second, clock), pool, threads=threads)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
