"""Time, the only place that reads it. Everything else takes a `Clock`."""

from __future__ import annotations

import time
from typing import Protocol

NANOSECONDS_PER_MS = 1_000_000


class Clock(Protocol):
    """Where the time comes from. Tests pass one they can move."""

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back; only differences mean anything."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        return time.time_ns() // NANOSECONDS_PER_MS

    monotonic = staticmethod(time.monotonic)
    """Return seconds since some fixed point."""
