"""How much of the limiter one workspace may occupy, and what it does."""

from __future__ import annotations

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
