"""The load shapes, and what may be admitted under each."""

from __future__ import annotations

import math
from dataclasses import dataclass

OVER_PER_PROCESS = 0.10  # of the ideal, the share that may be admitted on top per process
UNDER = 0.05  # the share of the ideal that may be missing
ALONE_OVER = 0.2  # what a single process may admit on top when it does not start with a window


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One load shape."""

    processes: int
    limit: int
    duration_s: int
    load: float
    """Requests per window, in limits."""
    windows: int
    aligned: bool = True
    """Whether the first request comes with the start of a window."""
    free: bool = False
    """By the clock of the machine, all processes at once."""

    @property
    def per_second(self) -> int:
        """Requests per second over all processes, at least 1."""
        exact = self.limit * self.load / self.duration_s
        return max(1, math.floor(exact) if self.aligned else math.ceil(exact))

    @property
    def seconds(self) -> int:
        """How long it takes, in its own time."""
        return self.windows * self.duration_s

    @property
    def total(self) -> int:
        """Requests asked."""
        return self.per_second * self.seconds

    @property
    def ideal(self) -> int:
        """What one limiter without any delay and without a weighted window would admit."""
        return min(self.windows * self.limit, self.total)

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and most that may be admitted."""
        if self.per_second * self.duration_s <= self.limit:
            return math.floor((1 - UNDER) * self.total), self.total
        over = OVER_PER_PROCESS * self.processes if self.aligned else ALONE_OVER
        if self.processes == 1 and self.aligned:
            over = 0.0
        return math.floor((1 - UNDER) * self.ideal), min(self.total, math.floor(self.ideal * (1 + over)))


def alone() -> list[Case]:
    """One process, fifty windows, not aligned."""
    return [
        Case(processes=1, limit=limit, duration_s=duration, load=load, windows=50, aligned=False)
        for limit in (5, 100)
        for duration in (1, 5)
        for load in (0.9, 1.0, 10.0)
    ]


_SHAPES: tuple[tuple[tuple[int, ...], int, int, float, int], ...] = (
    ((1, 3, 9), 100, 10, 0.9, 10),
    ((1, 3, 9), 100, 10, 1.0, 10),
    ((1, 3, 9), 100, 10, 2.0, 10),
    ((1, 3, 9), 100, 300, 0.9, 10),
    ((3, 9), 100, 300, 1.5, 10),
    ((1, 3, 9), 10, 60, 0.9, 10),
    ((3, 9), 10, 60, 1.5, 10),
    ((3,), 1_000, 10, 0.9, 10),
    ((3, 9), 1_000, 10, 1.0, 10),
    ((3, 9), 1_000, 10, 2.0, 10),
    ((3,), 10_000, 60, 0.9, 5),
    ((3, 9), 10_000, 60, 1.0, 5),
    ((3, 9), 10_000, 60, 2.0, 5),
    ((9,), 100, 30, 2.0, 5),
    ((9,), 100, 300, 1.0, 3),
)


def spread() -> list[Case]:
    """Several processes, driven one request at a time."""
    return [
        Case(processes=processes, limit=limit, duration_s=duration, load=load, windows=windows)
        for counts, limit, duration, load, windows in _SHAPES
        for processes in counts
    ]


def at_once() -> list[Case]:
    """Several processes by the clock of the machine."""
    return [
        Case(processes=processes, limit=limit, duration_s=1, load=load, windows=5, free=True)
        for processes in (1, 3, 9)
        for limit, load in ((100, 1.0), (100, 10.0), (1_000, 2.0))
    ]


def few() -> list[Case]:
    """Enough to notice a mistake, in seconds."""
    return [
        Case(processes=1, limit=5, duration_s=1, load=10.0, windows=50, aligned=False),
        Case(processes=1, limit=100, duration_s=10, load=2.0, windows=10),
        Case(processes=3, limit=100, duration_s=10, load=0.9, windows=10),
        Case(processes=3, limit=100, duration_s=10, load=2.0, windows=10),
        Case(processes=3, limit=10, duration_s=60, load=1.5, windows=10),
        Case(processes=5, limit=100, duration_s=30, load=2.0, windows=5),
        Case(processes=3, limit=100, duration_s=1, load=10.0, windows=2, free=True),
    ]
