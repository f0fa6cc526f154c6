"""What the limiter remembers: cells (one window of one counter) and where to find them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from unkey_api.ratelimit.engine.counts import LimiterCounts, WorkspaceCounts

CounterKey = tuple[str, str, str, int]
"""Workspace id, namespace, identifier, duration in milliseconds."""

NO_LIMIT_SEEN = 1 << 63  # above every limit that can be asked for
KEPT_WINDOWS = 3  # a cell goes this many durations after its window began; then nothing can weigh it any more
_NOWHERE = -(1 << 63)


class Cell:
    """One window of one counter."""

    __slots__ = (
        "counter",
        "dirty",
        "fresh_until",
        "hydrated",
        "last_pushed",
        "loading",
        "lowest_limit",
        "others",
        "pending",
        "queued",
        "sequence",
        "value",
    )

    def __init__(self, counter: Counter, sequence: int) -> None:
        self.counter = counter
        self.sequence = sequence
        self.value = 0
        """This region's count, as far as known here."""
        self.others = 0
        """Sum of the other regions' counts."""
        self.fresh_until = 0
        """Until when, by request time, the count may be used without asking the store."""
        self.hydrated = False
        self.loading: asyncio.Task[None] | None = None
        self.pending = 0
        """Spent here and not yet sent to the store."""
        self.queued = False
        self.dirty = False
        """Waits to be looked at by the next push to other regions."""
        self.lowest_limit = NO_LIMIT_SEEN
        self.last_pushed = 0

    @property
    def store_key(self) -> str:
        """The cell's name in the region's store."""
        workspace_id, namespace, identifier, duration_ms = self.counter.key
        return f"{workspace_id}-{namespace}-{identifier}-{duration_ms}:{self.sequence}"


class Counter:
    """The windows of one counter, with the running one and its predecessor at hand."""

    __slots__ = ("cells", "counts", "current", "key", "previous", "sequence", "strict_until")

    def __init__(self, key: CounterKey, counts: WorkspaceCounts) -> None:
        self.key = key
        self.counts = counts
        self.strict_until = 0
        """Until when, by request time, an allowance must be confirmed with the store. Only moves up."""
        self.cells: dict[int, Cell] = {}
        self.sequence = _NOWHERE
        self.current: Cell
        self.previous: Cell

    def turn_to(self, sequence: int) -> int:
        """Put the windows `sequence` and `sequence - 1` at hand; return how many had to be created."""
        before = len(self.cells)
        self.current = self.cell(sequence)
        self.previous = self.cell(sequence - 1)
        self.sequence = sequence
        return len(self.cells) - before

    def cell(self, sequence: int) -> Cell:
        """Return the cell of a window, creating it."""
        cell = self.cells.get(sequence)
        if cell is None:
            cell = self.cells[sequence] = Cell(self, sequence)
        return cell

    def forget_before(self, now_ms: int) -> int:
        """Drop cells that can no longer count; return how many."""
        duration_ms = self.key[3]
        gone = [seq for seq in self.cells if now_ms > (seq + KEPT_WINDOWS) * duration_ms]
        for sequence in gone:
            del self.cells[sequence]
        if gone and (self.sequence in gone or self.sequence - 1 in gone):
            self.sequence = _NOWHERE
        return len(gone)


class CounterTable:
    """Every counter of this process."""

    __slots__ = ("_counts", "counters", "dirty")

    def __init__(self, counts: LimiterCounts) -> None:
        self._counts = counts
        self.counters: dict[CounterKey, Counter] = {}
        self.dirty: list[Cell] = []

    def locate(self, key: CounterKey) -> Counter:
        """Return the counter, creating it."""
        counter = self.counters.get(key)
        if counter is None:
            counter = self.counters[key] = Counter(key, self._counts.workspace(key[0]))
        return counter

    def raise_value(self, cell: Cell, value: int) -> None:
        """Merge what the region counted: never down."""
        if value > cell.value:
            cell.value = value
            self.touch(cell)

    def raise_others(self, cell: Cell, value: int) -> None:
        """Merge what other regions counted: never down."""
        if value > cell.others:
            cell.others = value
            self.touch(cell)

    def touch(self, cell: Cell) -> None:
        """Have the next push look at the cell."""
        if not cell.dirty:
            cell.dirty = True
            self.dirty.append(cell)

    def sweep(self, keys: Iterable[CounterKey], now_ms: int) -> int:
        """Drop what has run out among `keys`; return how many cells went."""
        gone = 0
        for key in keys:
            counter = self.counters.get(key)
            if counter is None:
                continue
            gone += counter.forget_before(now_ms)
            if not counter.cells and counter.strict_until < now_ms:
                del self.counters[key]
        return gone


Now = Callable[[], int]
"""Unix time in milliseconds."""
