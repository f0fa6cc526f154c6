"""How much of the limiter one workspace may occupy, what it does, and what the garbage collector need not look at."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

LOOKED_AT = 256  # counters, when there is no room for another one
EVICTED_TOGETHER = 64  # so that a look is paid for by many new ones


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBounds:
    """How many counters this process keeps."""

    per_workspace: int = 100_000
    total: int = 1_000_000


class Share:
    """What one workspace occupies now."""

    __slots__ = ("counters", "waiting")

    def __init__(self) -> None:
        self.counters = 0
        self.waiting = 0
        """Cells that wait for the store."""


untrack = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("PyObject_GC_UnTrack", ctypes.pythonapi))
"""Take an object off the collector's list: no collection walks over it or over what it holds any more.

Its memory comes back when the last reference goes, as always. Only for objects that cannot be part of a cycle, because
the collector could not free that one. A dict is put on the list again by each insertion of a value that could be on it.
"""
