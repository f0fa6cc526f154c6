"""Shares of memory and of work for heavy bodies."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.rpc.bodies.limits import BodyLimits

T = TypeVar("T")
RETRY_AFTER_SECONDS = 1
REST_MOST_SECONDS = 0.05
"""Longest rest between two pieces of work."""


class TooManyHeavyBodies(AppError):
    """No share became free in time. Trying again helps."""

    code = ErrorCode.USER_TOO_MANY_REQUESTS_WORKSPACE_RATE_LIMITED
    sentence = (
        "Too many requests with large bodies are being worked on. Send fewer of them at once, or try again later."
    )


class Share:
    """What one request may take. Must be given back, once."""

    __slots__ = ("_budget", "size", "workspace_id")

    def __init__(self, budget: BodyBudget, workspace_id: str, size: int) -> None:
        self._budget = budget
        self.workspace_id = workspace_id
        self.size = size

    def give_back(self) -> None:
        """Let others have it."""
        self._budget.take_back(self)


class BodyBudget:
    """Hands out shares in the order in which they were asked for, and runs what heavy bodies cost, one at a time.

    A workspace that has as many as it may have waits without keeping others waiting.
    """

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits
        self._bytes = 0
        self._calls: Counter[str] = Counter()
        self._waiting: deque[tuple[Share, asyncio.Future[None]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="heavy-bodies")
        self._turn = asyncio.Lock()
        self._rests_until = 0.0

    @property
    def bytes_taken(self) -> int:
        """Bytes of all shares that are out."""
        return self._bytes

    async def share(self, workspace_id: str, size: int) -> Share:
        """Return a share for so many bytes.

        Raises:
            TooManyHeavyBodies: None became free within the time to wait, or as many wait already as may run.
        """
        share = Share(self, workspace_id, size)
        if self._fits(share):
            self._take(share)
            return share
        if sum(waiting.workspace_id == workspace_id for waiting, _ in self._waiting) >= self._limits.heavy_calls:
            raise TooManyHeavyBodies
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((share, turn))
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await turn
        except BaseException as err:
            if turn.done() and not turn.cancelled():
                self.take_back(share)  # it came in the very moment
            else:
                self._waiting.remove((share, turn))
            if isinstance(err, TimeoutError):
                raise TooManyHeavyBodies from err
            raise
        return share

    def take_back(self, share: Share) -> None:
        """Note that a share is free again, and hand out what fits now."""
        self._bytes -= share.size
        self._calls[share.workspace_id] -= 1
        if not self._calls[share.workspace_id]:
            del self._calls[share.workspace_id]
        for waiting in [entry for entry in self._waiting if not entry[1].done()]:
            if self._fits(waiting[0]):
                self._waiting.remove(waiting)
                self._take(waiting[0])
                waiting[1].set_result(None)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` off the event loop, in the context of the request, after the work of those that came before.

        In between the thread rests for as long as it has worked. Native code keeps the interpreter to itself, and a
        light request needs the interpreter several times: work without a break would hold it up as often.
        """
        loop, context = asyncio.get_running_loop(), copy_context()
        async with self._turn:
            await asyncio.sleep(self._rests_until - loop.time())
            began = loop.time()
            try:
                return await loop.run_in_executor(self._thread, context.run, work)
            finally:
                ended = loop.time()
                self._rests_until = ended + min(ended - began, REST_MOST_SECONDS)

    def _fits(self, share: Share) -> bool:
        limits = self._limits
        return (
            (self._bytes + share.size <= limits.heavy_bytes or not self._bytes)
            and self._calls.total() < limits.heavy_calls
            and self._calls[share.workspace_id] < limits.heavy_calls_per_workspace
        )

    def _take(self, share: Share) -> None:
        self._bytes += share.size
        self._calls[share.workspace_id] += 1
