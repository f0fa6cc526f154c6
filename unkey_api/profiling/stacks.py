"""Call stacks as profiles see them, and how they are taken."""

from __future__ import annotations

import asyncio
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

SAMPLES_PER_SECOND = 100
DEPTH_MAX = 128


class Place(NamedTuple):
    """A line of a function."""

    function: str
    file: str
    line: int
    first_line: int


Stack = tuple[Place, ...]
"""The innermost place first."""


class CpuSampler:
    """Counts the stacks of all threads but its own, a hundred times a second."""

    def __init__(self) -> None:
        self.stacks: Counter[Stack] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="profile", daemon=True)

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self) -> Counter[Stack]:
        """End sampling and return how often each stack was seen."""
        self._stop.set()
        self._thread.join()
        return self.stacks

    def _sample(self) -> None:
        own = threading.get_ident()
        while not self._stop.wait(1 / SAMPLES_PER_SECOND):
            for thread, frame in sys._current_frames().items():  # noqa: SLF001 - the one way to see other threads' stacks
                if thread != own:
                    self.stacks[tuple(_places(frame))] += 1


def thread_stacks() -> Counter[Stack]:
    """Return the stacks of all threads as they are now."""
    return Counter(tuple(_places(frame)) for frame in sys._current_frames().values())  # noqa: SLF001 - as above


def task_stacks() -> Counter[Stack]:
    """Return the stacks of all tasks of the running loop as they are now."""
    found: Counter[Stack] = Counter()
    for task in asyncio.all_tasks():
        frames = task.get_stack(limit=DEPTH_MAX)
        name = Place(f"task {task.get_name().rstrip('0123456789')}", "", 0, 0)
        found[(*(_place(frame) for frame in reversed(frames)), name)] += 1
    return found


def heap_stacks(snapshot: tracemalloc.Snapshot) -> dict[Stack, tuple[int, int]]:
    """Return blocks and bytes held per allocating stack."""
    held: dict[Stack, tuple[int, int]] = {}
    for statistic in snapshot.statistics("traceback"):
        stack = tuple(Place(f"{f.filename}:{f.lineno}", f.filename, f.lineno, 0) for f in reversed(statistic.traceback))
        held[stack] = (statistic.count, statistic.size)
    return held


def _places(frame: FrameType | None) -> Iterator[Place]:
    depth = 0
    while frame is not None and depth < DEPTH_MAX:
        yield _place(frame)
        frame = frame.f_back
        depth += 1


def _place(frame: FrameType) -> Place:
    code = frame.f_code
    return Place(code.co_qualname, code.co_filename, frame.f_lineno or 0, code.co_firstlineno)
