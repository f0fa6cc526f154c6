"""A bounded first-in, first-out buffer that never makes its producers wait."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Offer(StrEnum):
    """What became of an offered row."""

    BUFFERED = "buffered"
    DROPPED = "dropped"
    """The buffer was full; the row is gone."""
    CLOSED = "closed"
    """The buffer takes no more rows; the row is gone."""


class Buffer(Generic[Row]):
    """Hold up to `capacity` rows. Full: the newest is dropped, because the older ones tell more about an incident."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a buffer needs room for at least one row")
        self._capacity = capacity
        self._rows: deque[Row] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def closed(self) -> bool:
        """Whether the buffer takes no more rows. It may still hold some."""
        return self._closed

    def offer(self, row: Row) -> Offer:
        """Take `row`, or say why not. Never waits, never raises."""
        if self._closed:
            return Offer.CLOSED
        if len(self._rows) >= self._capacity:
            return Offer.DROPPED
        self._rows.append(row)
        return Offer.BUFFERED

    def take(self, most: int) -> list[Row]:
        """Remove and return up to `most` rows, oldest first; empty when there are none."""
        rows = self._rows
        return [rows.popleft() for _ in range(min(most, len(rows)))]

    def close(self) -> None:
        """Refuse rows from now on. What is inside can still be taken. Safe to repeat."""
        self._closed = True
