"""Bringing cells up to date from the region's store."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from itertools import islice
from typing import Any

import structlog

from unkey_api.areas.ratelimit.engine.counts import StoreOperation
from unkey_api.areas.ratelimit.engine.state import Cell, CounterTable
from unkey_api.areas.ratelimit.engine.store import GuardedStore, rest
from unkey_api.core.errors import ServiceUnavailable

FRESH_MS = 5_000  # how long a read of the store is good for
RETRY_MS = 300  # after a failed read, local counts are used this long before asking again
READ_TOGETHER = 500  # cells in one round trip

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _Round:
    """Cells that are read in one round trip, each with the latest time of a request that wants it."""

    __slots__ = ("cells", "reading")

    def __init__(self) -> None:
        self.cells: dict[Cell, int] = {}
        self.reading: asyncio.Task[None]


class CellLoader:
    """Reads cells from the store, together with all others that are wanted in the same turn of the loop.

    A cell is read for those who wait for it at most once at a time. A read runs in its own task: a caller that goes
    away does not take it from the others who wait for it. Reads end by themselves within the store's time limit.
    """

    __slots__ = ("_behind", "_loading", "_missing", "_store", "_table", "_tasks", "_unconfirmed")

    def __init__(self, store: GuardedStore, table: CounterTable) -> None:
        self._store = store
        self._table = table
        self._tasks: set[asyncio.Task[None]] = set()
        self._loading: dict[Cell, asyncio.Task[None]] = {}
        self._missing: _Round | None = None
        self._unconfirmed: _Round | None = None
        self._behind: dict[Cell, int] = {}

    async def refresh(self, stale: Iterable[tuple[Cell, int]], unconfirmed: Iterable[tuple[Cell, int]]) -> None:
        """Read cells, all at the same time, so that nobody waits twice.

        Args:
            stale: Cells, each with a request time at which its freshness has run out. Reads under way are joined.
            unconfirmed: Cells to be read now, however fresh they are.
        """
        reads = {self._loading.get(cell) or self._read_next(cell, now_ms) for cell, now_ms in stale}
        reads.update(self._confirm_next(cell, now_ms) for cell, now_ms in unconfirmed)
        if reads:
            await asyncio.wait(reads)

    def refresh_behind(self, cell: Cell, now_ms: int) -> None:
        """Read one cell soon, together with others, without having anybody wait for it."""
        if not self._behind:
            self._start(self._read_behind())
        self._behind.setdefault(cell, now_ms)

    async def close(self) -> None:
        """End reads under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _read_next(self, cell: Cell, now_ms: int) -> asyncio.Task[None]:
        """Add the cell to the read that starts with the next turn of the loop."""
        missing = self._missing
        if missing is None or len(missing.cells) >= READ_TOGETHER:
            missing = self._missing = _Round()
            missing.reading = self._start(self._load(missing))
        missing.cells[cell] = now_ms
        self._loading[cell] = missing.reading
        return missing.reading

    def _confirm_next(self, cell: Cell, now_ms: int) -> asyncio.Task[None]:
        unconfirmed = self._unconfirmed
        if unconfirmed is None or len(unconfirmed.cells) >= READ_TOGETHER:
            unconfirmed = self._unconfirmed = _Round()
            unconfirmed.reading = self._start(self._confirm(unconfirmed))
        unconfirmed.cells[cell] = max(now_ms, unconfirmed.cells.get(cell, 0))
        return unconfirmed.reading

    async def _load(self, missing: _Round) -> None:
        if self._missing is missing:
            self._missing = None
        try:
            await self._read(missing.cells)
        finally:
            for cell in missing.cells:
                del self._loading[cell]

    async def _confirm(self, unconfirmed: _Round) -> None:
        if self._unconfirmed is unconfirmed:
            self._unconfirmed = None
        await self._read(unconfirmed.cells, StoreOperation.FETCH_STRICT)

    async def _read_behind(self) -> None:
        """Read what is wanted behind answers until nothing is; cells count as wanted until they were read."""
        while self._behind:
            await rest()
            wanted = dict(islice(self._behind.items(), READ_TOGETHER))
            stale = {cell: now_ms for cell, now_ms in wanted.items() if now_ms >= cell.fresh_until}
            if stale:
                await self._read(stale)
            for cell in wanted:
                del self._behind[cell]

    async def _read(self, wanted: Mapping[Cell, int], operation: StoreOperation | None = None) -> None:
        """Read and merge; without `operation` it is the first or a later read of each cell, as the case may be."""
        values: list[int] | None = None
        operations = [operation or _reason(cell) for cell in wanted]
        try:
            values = await self._store.read([cell.store_key for cell in wanted], operations)
        except ServiceUnavailable:
            pass  # counted by the store's observer; checks are decided on what is known here
        except Exception:  # noqa: BLE001 - the edge of a task: checks must still be decided
            _log.exception("reading counters failed")
        fresh: dict[int, int] = {}  # so that cells read together share the number
        for index, (cell, now_ms) in enumerate(wanted.items()):
            if values is not None:
                self._table.merge_stored(cell, values[index])
            elif operation is StoreOperation.FETCH_STRICT:
                continue
            good_for = FRESH_MS if values is not None else RETRY_MS
            cell.fresh_until = max(cell.fresh_until, fresh.setdefault(now_ms, now_ms + good_for))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:  # Any: the coroutine protocol's own
        task = asyncio.get_running_loop().create_task(work, name="ratelimit.load")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _reason(cell: Cell) -> StoreOperation:
    return StoreOperation.FETCH_STALE if cell.hydrated else StoreOperation.FETCH_COLD
