"""Bringing cells up to date from the region's store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from unkey_api.core.errors import ServiceUnavailable
from unkey_api.ratelimit.engine.counts import StoreOperation
from unkey_api.ratelimit.engine.state import Cell, CounterTable
from unkey_api.ratelimit.engine.store import GuardedStore

FRESH_MS = 5_000  # how long a read of the store is good for
RETRY_MS = 300  # after a failed read, local counts are used this long before asking again

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class CellLoader:
    """Reads cells from the store, each at most once at a time.

    A read runs in its own task: a caller that goes away does not take it from the others who wait for it. Reads end by
    themselves within the store's time limit.
    """

    __slots__ = ("_loading", "_store", "_table", "_tasks")

    def __init__(self, store: GuardedStore, table: CounterTable) -> None:
        self._store = store
        self._table = table
        self._tasks: set[asyncio.Task[bool]] = set()
        self._loading: dict[Cell, asyncio.Task[bool]] = {}

    async def refresh(self, wanted: Iterable[tuple[Cell, int]]) -> bool:
        """Read the cells whose freshness has run out at the request time next to them; join reads under way.

        Returns whether all reads worked. A caller that has waited for one that did not need not ask again.
        """
        reads = self._read_stale(wanted)
        if not reads:
            return True
        done, _ = await asyncio.wait(reads)
        return all(not read.cancelled() and read.result() for read in done)

    def refresh_behind(self, cell: Cell, now_ms: int) -> None:
        """Do the same for one cell without having anybody wait for it."""
        self._read_stale(((cell, now_ms),))

    async def confirm(self, wanted: Sequence[tuple[Cell, int]]) -> None:
        """Read the cells now, however fresh they are."""
        await asyncio.wait((self._start(wanted, [StoreOperation.FETCH_STRICT] * len(wanted)),))

    async def close(self) -> None:
        """End reads under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _read_stale(self, wanted: Iterable[tuple[Cell, int]]) -> set[asyncio.Task[bool]]:
        """Start reads of what is not being read yet; return all reads that concern the cells."""
        mine: dict[Cell, int] = {}
        reads: set[asyncio.Task[bool]] = set()
        for cell, now_ms in wanted:
            if now_ms < cell.fresh_until:
                continue
            running = self._loading.get(cell)
            if running is None:
                mine[cell] = max(now_ms, mine.get(cell, 0))
            else:
                reads.add(running)
        if mine:
            operations = [StoreOperation.FETCH_STALE if cell.hydrated else StoreOperation.FETCH_COLD for cell in mine]
            task = self._start(list(mine.items()), operations)
            self._loading.update(dict.fromkeys(mine, task))
            reads.add(task)
        return reads

    def _start(self, wanted: Sequence[tuple[Cell, int]], operations: Sequence[StoreOperation]) -> asyncio.Task[bool]:
        task = asyncio.get_running_loop().create_task(self._load(wanted, operations), name="ratelimit.load")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _load(self, wanted: Sequence[tuple[Cell, int]], operations: Sequence[StoreOperation]) -> bool:
        strict = operations[0] is StoreOperation.FETCH_STRICT
        values: Sequence[int] | None = None
        try:
            values = await self._store.read([cell.store_key for cell, _ in wanted], operations)
        except ServiceUnavailable:
            pass  # counted by the store's observer; the check is decided on what is known here
        except Exception:  # noqa: BLE001 - the edge of a task: the check must still be decided
            _log.exception("reading counters failed")
        finally:
            if not strict:
                for cell, _ in wanted:
                    del self._loading[cell]
            fresh: dict[int, int] = {}  # so that cells read together share the number
            for index, (cell, now_ms) in enumerate(wanted):
                if values is not None:
                    self._table.merge_stored(cell, values[index])
                elif strict:
                    continue
                good_for = FRESH_MS if values is not None else RETRY_MS
                cell.fresh_until = max(cell.fresh_until, fresh.setdefault(now_ms, now_ms + good_for))
        return values is not None
