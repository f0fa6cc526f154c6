"""Work that runs to its end even when the one who asked for it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from unkey_api.infra.mysql.errors import StoreUnavailable
from unkey_api.infra.mysql.orphans import OrphanHook

T = TypeVar("T")

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
