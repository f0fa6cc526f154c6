"""How work on the store is carried out: again after a transient failure, and to its end when its caller leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from unkey_api.core.errors import AppError
from unkey_api.infra.mysql.errors import StoreUnavailable

OrphanHook = Callable[[str, BaseException], None]
"""Told the name of a write and why it failed, when nobody is left to whom the error could be raised. Must not raise."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def log_orphan(name: str, error: BaseException) -> None:
    """Log the failure of the write called `name`."""
    _log.error("write failed after its caller had left", statement=name, error=error)


T = TypeVar("T")

WAITS_SECONDS = (0.05, 0.1)
"""Before the second and the third attempt; there is no fourth."""

MayReplay = Callable[[StoreUnavailable], bool]


def is_transient(fault: StoreUnavailable) -> bool:
    """For work without effects, or whose effects are rolled back: whether trying again may help."""
    return fault.transient


def is_undone(fault: StoreUnavailable) -> bool:
    """For a write that commits by itself: whether trying again may help and cannot do it twice."""
    return fault.transient and not fault.outcome_unknown


async def replaying(attempt: Callable[[], Awaitable[T]], may_replay: MayReplay) -> T:
    """Return the result of the first attempt that succeeds, at most three; a cancel ends it at once.

    A failure counts as transient also when a `StoreUnavailable` is only its cause.

    Raises:
        AppError: The last attempt's failure, or the first one that must not be tried again.
    """
    for wait in WAITS_SECONDS:
        try:
            return await attempt()
        except AppError as err:
            fault = _root(err)
            if fault is None or not may_replay(fault):
                raise
        await asyncio.sleep(wait)
    return await attempt()


def _root(err: BaseException) -> StoreUnavailable | None:
    """Return the store's failure behind an error, or None."""
    cause: BaseException | None = err
    while cause is not None and not isinstance(cause, StoreUnavailable):
        cause = cause.__cause__
    return cause


Started = Callable[[], None]
"""Called by the work at the moment from which it must not be given up."""


class ShieldedTasks:
    """Owns tasks until they end.

    Someone who waits in `run` and is cancelled takes the work down with him only if it has not reported its start;
    after that it goes on alone. An error nobody is left to hear goes to `on_orphan_error`.
    """

    def __init__(self, on_orphan_error: OrphanHook) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()  # Any: results of all kinds
        self._on_orphan_error = on_orphan_error

    @property
    def count(self) -> int:
        """How many are under way."""
        return len(self._tasks)

    async def run(self, work: Callable[[Started], Coroutine[Any, Any, T]], *, name: str) -> T:
        """Run `work` in a task of its own and return its result or raise its error."""
        begun = asyncio.Event()
        task = asyncio.create_task(work(begun.set), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError as err:
            if task.cancelled():
                raise StoreUnavailable(f"{name} was ended because the database closes", outcome_unknown=True) from err
            task.add_done_callback(self._on_orphaned)
            if not begun.is_set():
                task.cancel()
            raise

    async def drain(self, within: timedelta) -> None:
        """Wait for all under way; cancel what is left after `within`, and wait for that."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within.total_seconds())
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _on_orphaned(self, task: asyncio.Task[Any]) -> None:  # Any: results of all kinds
        if not task.cancelled() and (error := task.exception()):
            self._on_orphan_error(task.get_name(), error)
