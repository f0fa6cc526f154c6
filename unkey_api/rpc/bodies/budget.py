"""What bodies may cost: bounds on one, and shares of memory and of work for heavy ones."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TypeVar

from unkey_api.core.errors import AppError, ErrorCode

LIGHT_VALUES = 1_000
"""Values that a body of somebody unknown may hold: decoding and validating so many takes a millisecond or two."""
LIGHT_UNSEEN_BYTES = 2_048
"""A body up to this size is not even looked at: it cannot hold many more values than a light one may."""
DEPTH_MAX = 32
"""Objects and lists within each other in free-form members such as `meta`."""

FREE_FORM_CHARS_MAX = 2_097_152
"""Characters in all texts of a free-form member. No operation stores half of that, and each says by itself what is too
much by a little; but to write megabytes in the form in which they are stored would hold the event loop up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """Bounds on bodies of requests, per process."""

    max_bytes: int = 10_485_760
    """Longest body, also after unpacking; 0 or less means no limit."""
    light_bytes: int = 65_536
    """Up to here a body is read before anything but the presence of a credential is known of its caller."""
    values: int = 20_000
    """Members and elements a body may hold."""
    heavy_bytes: int = 67_108_864
    """Bytes that heavy bodies may take together."""
    heavy_calls: int = 16
    """Requests with heavy bodies at once."""
    heavy_calls_per_workspace: int = 4
    """The same for one workspace."""
    wait_seconds: float = 5.0
    """How long a heavy body waits for its share before the answer is 429."""


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
