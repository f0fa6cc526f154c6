"""Telling the region's store what was spent here, behind the answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from unkey_api.areas.ratelimit.engine.counts import LimiterCounts
from unkey_api.areas.ratelimit.engine.loading import FRESH_MS
from unkey_api.areas.ratelimit.engine.state import KEPT_WINDOWS, NOT_QUEUED, Cell, CounterTable
from unkey_api.areas.ratelimit.engine.store import GuardedStore, Increment, rest
from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.resilience.breaker import NotAttempted
from unkey_api.infra.resilience.tasks import Sleep

CAPACITY = 10_000  # cells waiting to be sent; what comes on top is dropped and counted
RESERVED = 100  # of each workspace find room all the same, until twice as many wait
CLOCKS_DIFFER_MS = 60_000
SHORT_MS = 172_800_000  # up to here a duration more than needed is no burden
BATCH = 500  # keeps one round trip short enough not to hold up other users of the store
REFUSED_PAUSE_SECONDS = 0.2  # between attempts while the store is not asked

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ReplayQueue:
    """Spends waiting for the store. Several spends of one cell travel as one increment.

    An increment that failed is not retried: it may have been executed, and counting it twice would deny wrongly. The
    spend stays in the local count. One that was not even attempted, because there is no connection or the breaker is
    open, waits as long as its window counts.
    """

    __slots__ = ("_clock", "_closed", "_counts", "_queue", "_sleep", "_store", "_table", "_wake")

    def __init__(
        self,
        store: GuardedStore,
        table: CounterTable,
        counts: LimiterCounts,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._sleep = sleep
        self._store = store
        self._table = table
        self._counts = counts
        self._clock = clock
        self._queue: deque[Cell] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def capacity(self) -> int:
        """Cells that may wait."""
        return CAPACITY

    @property
    def dropped(self) -> int:
        """Spends lost because `CAPACITY` other cells waited."""
        return self._counts.replays_dropped

    @property
    def refused(self) -> int:
        """Spends lost because they came after closing."""
        return self._counts.replays_closed

    def add(self, cell: Cell, amount: int) -> None:
        """Take a spend; dropped when `CAPACITY` other cells wait."""
        if cell.pending == NOT_QUEUED:
            if self._closed:
                self._counts.replays_closed += 1
                return
            if len(self._queue) >= CAPACITY and not self._may_exceed(cell):
                self._counts.replays_dropped += 1
                return
            cell.pending = 0
            cell.group.share.waiting += 1
            self._queue.append(cell)
            self._wake.set()
        cell.pending += amount
        self._counts.replays_buffered += 1

    def _may_exceed(self, cell: Cell) -> bool:
        """Say whether a workspace that waits with little may wait with more, however many cells others have queued."""
        return cell.group.share.waiting < RESERVED and len(self._queue) < 2 * CAPACITY

    async def run(self) -> None:
        """Send what is queued until cancelled: at once when little is going on, in larger batches under load.

        Other nodes decide on what the store was told, so a spend may wait for other requests but not for time to pass.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            asked = await self._send_batch()
            if self._queue:  # a spend does not have to come for the next attempt
                self._wake.set()
            if not asked:
                await self._sleep(REFUSED_PAUSE_SECONDS)
            elif len(self._queue) < BATCH:
                await rest()

    async def flush(self) -> None:
        """Send what is queued now and what is added meanwhile; stop when the store is not even asked."""
        while self._queue and await self._send_batch():
            pass

    async def close(self, *, grace_seconds: float) -> None:
        """Take no more and send the rest within the grace. The task of `run` must have ended."""
        self._closed = True
        try:
            async with asyncio.timeout(grace_seconds):
                await self.flush()
        except TimeoutError:
            _log.warning("counter increments lost at shutdown", cells=len(self._queue))

    async def _send_batch(self) -> bool:
        """Send one batch. False: the store was not asked and the batch waits again."""
        cells = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        for cell in cells:
            cell.group.share.waiting -= 1
        try:
            await self._send(cells)
        except NotAttempted:
            self._take_back(cells)
            return False
        except ServiceUnavailable:
            pass  # counted by the store's observer
        except Exception:  # noqa: BLE001 - the edge of a task loop: one bad batch must not end it
            _log.exception("replaying counters failed")
        return True

    async def _send(self, cells: Sequence[Cell]) -> None:
        increments: list[Increment] = []
        now_ms = self._clock.now_ms()
        for cell in cells:
            increments.append(Increment(cell.store_key, cell.pending, _lifetime_seconds(cell, now_ms)))
            cell.pending = NOT_QUEUED
        try:
            values = await self._store.add(increments)
        except NotAttempted:
            for cell, increment in zip(cells, increments, strict=True):
                cell.pending = increment.amount + max(cell.pending, 0)
            raise
        fresh_until = self._clock.now_ms() + FRESH_MS
        for cell, value in zip(cells, values, strict=True):
            if value is not None:
                self._table.merge_stored(cell, value)
                cell.fresh_until = max(cell.fresh_until, fresh_until)

    def _take_back(self, cells: Sequence[Cell]) -> None:
        """Queue again what was not sent, as far as it still counts and there is room."""
        now_ms = self._clock.now_ms()
        waiting = set(self._queue)  # those that were spent from while the attempt was on its way
        for cell in reversed(cells):
            if cell in waiting:
                continue
            if now_ms < (cell.sequence + 2) * cell.group.duration_ms and len(self._queue) < CAPACITY:
                cell.group.share.waiting += 1
                self._queue.appendleft(cell)
            else:
                cell.pending = NOT_QUEUED
                self._counts.replays_dropped += 1


def _lifetime_seconds(cell: Cell, now_ms: int) -> int:
    """Return how long a new counter is to live: three durations, a long one only until its window weighs no more.

    A window far from now was asked for with a time of its own, as tests do, and lives for three durations like a short
    one.
    """
    duration_ms = cell.group.duration_ms
    lifetime_ms = KEPT_WINDOWS * duration_ms
    left_ms = (cell.sequence + 2) * duration_ms - now_ms
    if duration_ms > SHORT_MS and 0 < left_ms <= lifetime_ms:
        lifetime_ms = min(lifetime_ms, left_ms + CLOCKS_DIFFER_MS)
    return lifetime_ms // 1_000
