"""A bounded first-in, first-out buffer that never makes its producers wait."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import NamedTuple


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
