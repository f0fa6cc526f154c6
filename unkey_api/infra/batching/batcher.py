"""Collect rows and hand them over in batches: when enough have come, when time is up, and when closed.

They wait in a bounded buffer that never makes its producers wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar


class Block(NamedTuple):
    """Encoded rows that stay together from here to the store.

    A row by itself is an allocation of a kilobyte; tens of thousands of them between everything else tear the heap
    apart. Some dozens together are few, equal in size and freed in the order in which they were made.
    """

    rows: int
    """How many, at least one."""
    data: bytes


class Offer(StrEnum):
    """What became of offered rows."""

    BUFFERED = "buffered"
    DROPPED = "dropped"
    """The buffer was full; the rows are gone."""
    CLOSED = "closed"
    """The buffer takes no more rows; these are gone."""


class Buffer:
    """Hold up to `rows` rows of up to `size` bytes in all.

    Full: the newest are dropped, because the older ones tell more about an incident.
    """

    def __init__(self, *, rows: int, size: int) -> None:
        if rows < 1 or size < 1:
            raise ValueError("a buffer needs room for at least one row")
        self._most_rows = rows
        self._most_bytes = size
        self._blocks: deque[Block] = deque()
        self._rows = 0
        self._closed = False
        self.size = 0
        """Bytes inside."""

    def __len__(self) -> int:
        """Return the rows inside."""
        return self._rows

    @property
    def closed(self) -> bool:
        """Whether the buffer takes no more rows. It may still hold some."""
        return self._closed

    def offer(self, block: Block) -> Offer:
        """Take all rows of `block`, or none and say why not. Never waits, never raises."""
        if self._closed:
            return Offer.CLOSED
        rows, size = self._rows + block.rows, self.size + len(block.data)
        if rows > self._most_rows or size > self._most_bytes:
            return Offer.DROPPED
        self._rows, self.size = rows, size
        self._blocks.append(block)
        return Offer.BUFFERED

    def take(self, *, rows: int, size: int) -> list[Block]:
        """Remove and return blocks, oldest first, of up to so many rows and bytes in all.

        One block is returned however large it is; none only when there is none.
        """
        taken: list[Block] = []
        blocks = self._blocks
        while blocks:
            block = blocks[0]
            rows, size = rows - block.rows, size - len(block.data)
            if taken and (rows < 0 or size < 0):
                break
            taken.append(blocks.popleft())
            self._rows -= block.rows
            self.size -= len(block.data)
        return taken

    def close(self) -> None:
        """Refuse rows from now on. What is inside can still be taken. Safe to repeat."""
        self._closed = True


Row = TypeVar("Row")
Row_contra = TypeVar("Row_contra", contravariant=True)


class FlushReason(StrEnum):
    """Why a batch was handed over."""

    SIZE_LIMIT = "size_limit"
    TIME_INTERVAL = "time_interval"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """How many rows wait, and when they go. The defaults suit ClickHouse, which prefers few large parts."""

    batch_size: int = 10_000
    """Rows handed over at once, at most."""
    batch_bytes: int = 16 * 2**20
    """Bytes handed over at once, at most; reached before the rows are where requests have large bodies."""
    capacity: int = 20_000
    """Rows that may wait besides those being written; beyond it new ones are dropped."""
    capacity_bytes: int = 32 * 2**20
    """Bytes that may wait."""
    flush_every: timedelta = timedelta(seconds=5)
    """How long a row waits at most before its batch is handed over."""
    consumers: int = 2
    """Batches in flight at once: one may be stuck in a retry while the other keeps the buffer from filling."""


Flush = Callable[[Sequence[Block], FlushReason], Awaitable[None]]
"""Writes one batch, never an empty one. Handles its own errors: what it raises is a bug."""


class Sink(Protocol[Row_contra]):
    """Where producers put rows."""

    def add(self, row: Row_contra, /) -> Offer:
        """Take `row` or say why not. Never waits, never raises."""
        ...


class Batcher:
    """Buffer encoded rows and write them in batches. Full buffer: drop the newest and count them."""

    def __init__(self, name: str, flush: Flush, policy: BatchPolicy | None = None) -> None:
        self.name = name
        self.accepted = 0
        """Rows taken so far."""
        self.dropped = 0
        """Rows refused so far because the buffer was full."""
        self.refused = 0
        """Rows refused so far because the batcher was closed."""
        self._flush = flush
        self._policy = policy or BatchPolicy()
        self._buffer = Buffer(rows=self._policy.capacity, size=self._policy.capacity_bytes)
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        """Return the rows that wait, without those being written."""
        return len(self._buffer)

    def add(self, block: Block, /) -> Offer:
        """Take `block` or say why not. Never waits, never raises."""
        offer = self._buffer.offer(block)
        if offer is Offer.BUFFERED:
            self.accepted += block.rows
            if self._has_batch():
                self._wake.set()
        elif offer is Offer.DROPPED:
            self.dropped += block.rows
        else:
            self.refused += block.rows
        return offer

    def close(self) -> None:
        """Refuse rows from now on and let `run` drain and return. Safe to repeat."""
        self._buffer.close()
        self._wake.set()

    async def run(self) -> None:
        """Write batches until closed, then drain and return; every accepted row has been handed over by then.

        Raises only on a bug. Cancelling it gives up the rows in the buffer and the batches being written.
        """
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._policy.consumers):
                tasks.create_task(self._consume(), name=f"{self.name}-{number}")

    async def _consume(self) -> None:
        """Write batches one after the other until the buffer is closed and empty."""
        while True:
            reason = await self._next_reason()
            blocks = self._buffer.take(rows=self._policy.batch_size, size=self._policy.batch_bytes)
            if blocks:
                await self._flush(blocks, reason)
            elif reason is FlushReason.CLOSE:
                return

    async def _next_reason(self) -> FlushReason:
        """Wait for a full batch, the end of the interval or the close, whichever comes first."""
        try:
            async with asyncio.timeout(self._policy.flush_every.total_seconds()):
                while True:
                    if self._has_batch():
                        return FlushReason.SIZE_LIMIT
                    if self._buffer.closed:
                        return FlushReason.CLOSE
                    # The other consumer may take the batch this one was woken for; then the same interval goes on.
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            return FlushReason.TIME_INTERVAL

    def _has_batch(self) -> bool:
        return len(self._buffer) >= self._policy.batch_size or self._buffer.size >= self._policy.batch_bytes


class NullSink(Generic[Row]):
    """The sink of a service without ClickHouse: rows vanish."""

    def add(self, row: Row, /) -> Offer:
        """Forget `row`."""
        del row
        return Offer.BUFFERED
