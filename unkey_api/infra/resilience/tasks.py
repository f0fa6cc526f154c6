"""Work in tasks of its own, apart from who asked for it, with an owner, a bound and an end.

Shared between everyone who asks for it at the same time; or awaited by nobody: jobs that requests ask for, and what
runs on a schedule.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

import structlog

from unkey_api.core.clock import Clock

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SingleFlight(Generic[K, T]):
    """Concurrent calls with one key run the work once and share its result or error. Nothing is kept afterwards.

    The work runs in a task of its own: a caller that is cancelled, the first one included, leaves the others waiting
    undisturbed. `close` ends what still runs.
    """

    __slots__ = ("_flights", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._flights: dict[K, asyncio.Task[T]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._flights

    async def run(self, key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> T:  # Any: the coroutine protocol's own
        """Return the result of the running work for `key`, starting it if there is none."""
        task = self._flights.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(work(), name=f"{self._name}:{key}")
            self._flights[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel what is running and wait until it has ended. Safe to repeat."""
        tasks = list(self._flights.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: K, task: asyncio.Task[T]) -> None:
        if self._flights.get(key) is task:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # marks it as seen: every caller may have left before the work failed


Job = Callable[[], Coroutine[Any, Any, None]]  # Any: the coroutine protocol's own
"""One piece of background work."""
Sleep = Callable[[float], Awaitable[object]]
"""Waits that many seconds; tests pass one that only notes them."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class BackgroundJobs:
    """Run jobs apart from the request that asked for them, a few at a time, the rest queued up to a bound.

    Tasks exist only while there is work. A job that raises is logged and ends alone. `close` lets queued jobs finish
    within a deadline, then cancels.
    """

    __slots__ = ("_closed", "_max_queued", "_max_running", "_name", "_queue", "_tasks")

    def __init__(self, name: str, *, max_running: int = 10, max_queued: int = 1_000) -> None:
        self._name = name
        self._max_running = max_running
        self._max_queued = max_queued
        self._queue: deque[Job] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def submit(self, job: Job, *, urgent: bool = False) -> bool:
        """Take `job` and return True, or return False when the queue is full or closed. Urgent ones go first."""
        if self._closed or len(self._queue) >= self._max_queued:
            return False
        if urgent:
            self._queue.appendleft(job)
        else:
            self._queue.append(job)
        if len(self._tasks) < self._max_running:
            task = asyncio.get_running_loop().create_task(self._work(), name=f"{self._name}.worker")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def idle(self) -> None:
        """Return once nothing is running or queued."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self, *, grace_seconds: float = 5.0) -> None:
        """Take no more jobs, let the accepted ones finish within the grace, cancel the rest. Safe to repeat."""
        self._closed = True
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=grace_seconds)
        self._queue.clear()
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _work(self) -> None:
        while self._queue:
            job = self._queue.popleft()
            try:
                await job()
            except Exception:  # noqa: BLE001 - the edge of a task loop: one bad job must not stop the others
                _log.exception("background job failed", owner=self._name)


async def repeat_every(
    interval_seconds: float,
    work: Callable[[], Awaitable[None]],
    *,
    name: str,
    clock: Clock,
    jitter: Callable[[], float] = lambda: 0.0,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Run `work` now and then every interval until cancelled.

    Runs are planned from the previous planned time, so a slow run does not shift the schedule; a run that lasts longer
    than the interval skips what it missed. An error is logged and the next run still comes.

    Args:
        interval_seconds: Time between planned starts.
        work: What to do.
        name: For the log.
        clock: Source of `monotonic`.
        jitter: Fraction of the interval to add, drawn per run; nodes that start together then spread out.
        sleep: Waits.
    """
    planned = clock.monotonic()
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - the edge of a task loop: a crash in one run must not stop the next
            _log.exception("periodic work failed", work=name)
        planned += interval_seconds * (1.0 + jitter())
        now = clock.monotonic()
        if planned <= now:
            planned = now + interval_seconds
        await sleep(planned - now)
