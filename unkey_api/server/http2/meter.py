"""Counting what no client needs to do often."""

from __future__ import annotations

from collections.abc import Callable

from h2.exceptions import DenialOfServiceError

FLOOD_SECONDS = 10.0
FLOOD_FACTOR = 2  # beyond so many times the bound the connection is cut at once


class Meter:
    """Counts what happens within `FLOOD_SECONDS`."""

    def __init__(self, bound: int, now: Callable[[], float]) -> None:
        self._bound = bound
        self._now = now
        self._began = now()
        self._count = 0
        self.exceeded = False
        """Set for good at the first count beyond the bound."""

    def count(self) -> None:
        """Note one. Raises `DenialOfServiceError` far beyond the bound."""
        now = self._now()
        if now - self._began >= FLOOD_SECONDS:
            self._began, self._count = now, 0
        self._count += 1
        if self._count > self._bound:
            self.exceeded = True
            if self._count > self._bound * FLOOD_FACTOR:
                raise DenialOfServiceError("flood")

    def forgive(self, number: int) -> None:
        """Take so many back."""
        self._count = max(0, self._count - number)
