"""Sharing counts between regions through a table that all of them can reach."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from unkey_api.areas.ratelimit.engine.arithmetic import push_threshold
from unkey_api.areas.ratelimit.engine.counts import LimiterCounts
from unkey_api.areas.ratelimit.engine.state import NO_LIMIT_SEEN, Cell, CounterTable
from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.resilience.breaker import CircuitBreaker

RUN_SECONDS = 10.0  # a push or pull that takes longer is given up; the next one continues
ROWS_PER_PUSH = 5_000
ROWS_PER_TRIM = 5_000
TRIMS_PER_RUN = 200  # a million rows; what is left then waits for the next run
YIELD_EVERY = 2_000  # cells handled before other requests get their turn
COLUMN_CHARACTERS = 255  # what the table holds; longer names stay within their region

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class RegionCount:
    """What this region counted in one window. Ordered by the table's unique key."""

    workspace_id: str
    namespace: str
    identifier: str
    duration_ms: int
    sequence: int
    count: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class WindowTotals:
    """What all regions counted in one window."""

    workspace_id: str
    namespace: str
    identifier: str
    duration_ms: int
    sequence: int
    regional: int
    """This region's count."""
    imported: int
    """Sum of the other regions' counts."""


class GlobalCounters(Protocol):
    """The shared table, seen from one region. Every method raises `ServiceUnavailable` when it cannot be reached."""

    async def push(self, counts: Sequence[RegionCount], *, now_ms: int) -> None:
        """Store this region's counts, never lowering one. Given in key order, so that two pushers do not deadlock."""
        ...

    async def pull(self, *, now_ms: int) -> Sequence[WindowTotals]:
        """Return the totals of every window that still counts."""
        ...

    async def trim(self, *, now_ms: int, at_most: int) -> int:
        """Take out up to `at_most` windows that are over, of any region; return how many went."""
        ...


class RegionSync:
    """Pushes this process's counts, merges what all regions have pushed, and takes out what is over.

    A failure waits for the next run.
    """

    def __init__(
        self,
        shared: GlobalCounters,
        breaker: CircuitBreaker,
        *,
        clock: Clock,
        table: CounterTable,
        counts: LimiterCounts,
    ) -> None:
        self._shared = shared
        self._breaker = breaker
        self._clock = clock
        self._table = table
        self._counts = counts

    async def push(self) -> None:
        """Send every count that grew and matters to other regions."""
        now_ms = self._clock.now_ms()
        waiting = await self._collect(now_ms)
        try:
            async with asyncio.timeout(RUN_SECONDS):
                while waiting:
                    await self._push_chunk(waiting[:ROWS_PER_PUSH], now_ms)
                    del waiting[:ROWS_PER_PUSH]
        except (ServiceUnavailable, TimeoutError) as error:
            self._counts.push_errors += 1
            _log.warning("pushing counters to other regions failed", error=repr(error), rows=len(waiting))
        finally:
            self._table.dirty.update(cell for cell, _ in waiting)

    async def pull(self) -> None:
        """Merge the totals of all regions. Never marks a cell as read from the store."""
        try:
            async with asyncio.timeout(RUN_SECONDS):
                totals = await self._shared.pull(now_ms=self._clock.now_ms())
        except (ServiceUnavailable, TimeoutError) as error:
            self._counts.pull_errors += 1
            _log.warning("pulling counters of other regions failed", error=repr(error))
            return
        for index, row in enumerate(totals, 1):
            self._merge(row)
            if index % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        self._counts.pulled_rows += len(totals)
        self._counts.pulled_rows_last = len(totals)

    async def trim(self) -> None:
        """Take rows that no region reads any more out of the shared table, in small steps."""
        now_ms = self._clock.now_ms()
        try:
            for _ in range(TRIMS_PER_RUN):
                gone = await self._shared.trim(now_ms=now_ms, at_most=ROWS_PER_TRIM)
                self._counts.trimmed_rows += gone
                if gone < ROWS_PER_TRIM:
                    return
        except ServiceUnavailable as error:
            _log.warning("trimming the counters shared between regions failed", error=repr(error))

    def _merge(self, row: WindowTotals) -> None:
        counter = self._table.locate_if_room((row.workspace_id, row.namespace, row.identifier, row.duration_ms))
        if counter is None:
            return  # what other regions count must not take the place of what is counted here
        before = len(counter.extra or ())
        cell = counter.cell(row.sequence)
        self._counts.imported_windows += len(counter.extra or ()) - before
        self._table.raise_value(cell, row.regional)
        self._table.raise_others(cell, row.imported)

    async def _collect(self, now_ms: int) -> list[tuple[Cell, RegionCount]]:
        candidates = list(self._table.dirty)
        self._table.dirty.clear()
        found: list[tuple[Cell, RegionCount]] = []
        for index, cell in enumerate(candidates, 1):
            row = _row(self._table, cell, now_ms)
            if row is not None:
                found.append((cell, row))
            if index % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        found.sort(key=lambda pair: pair[1])
        return found

    async def _push_chunk(self, chunk: Sequence[tuple[Cell, RegionCount]], now_ms: int) -> None:
        rows = [row for _, row in chunk]
        await self._breaker.call(lambda: self._shared.push(rows, now_ms=now_ms))
        self._counts.pushed_rows += len(rows)
        for cell, row in chunk:
            cell.last_pushed = max(cell.last_pushed, row.count)


def _row(table: CounterTable, cell: Cell, now_ms: int) -> RegionCount | None:
    """Return what to push, None when there is nothing new, too little, or nowhere to put it."""
    value = cell.value
    if value <= 0 or value <= cell.last_pushed:
        return None
    group = cell.group
    counter = table.find(group, cell.identifier)
    lowest_limit = counter.lowest_limit if counter is not None else NO_LIMIT_SEEN
    worth_it = lowest_limit < NO_LIMIT_SEEN and value >= push_threshold(lowest_limit)
    if cell.others <= 0 and not worth_it:
        return None
    expires_at_ms = (cell.sequence + 2) * group.duration_ms
    if expires_at_ms <= now_ms or max(len(group.namespace), len(cell.identifier)) > COLUMN_CHARACTERS:
        return None
    return RegionCount(
        group.workspace_id,
        group.namespace,
        cell.identifier,
        group.duration_ms,
        cell.sequence,
        value,
        expires_at_ms,
    )
