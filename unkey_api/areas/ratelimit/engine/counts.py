"""What the limiter counts about itself: plain integers, read by metrics at scrape time, so that a check stays cheap."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class StoreOperation(StrEnum):
    """Why the region's store was asked; the `op` label."""

    FETCH_COLD = "fetch_cold"
    FETCH_STALE = "fetch_stale"
    FETCH_STRICT = "fetch_strict"
    SYNC = "sync"


class LimiterObserver(Protocol):
    """Told about calls to the region's store."""

    def store_called(self, operation: StoreOperation, counters: int, seconds: float, failure: str | None) -> None:
        """Note a call about so many counters. `failure` is `circuit_open`, `timeout`, `other`, or None for success."""
        ...


@dataclass(slots=True)
class WorkspaceCounts:
    """Decisions of one workspace. `origin`: the store was asked for this very check; `local`: it was not."""

    local_passed: int = 0
    local_denied: int = 0
    origin_passed: int = 0
    origin_denied: int = 0
    strict_activations: int = 0


@dataclass(slots=True)
class LimiterCounts:
    """Everything counted by one limiter. Only grows, except `windows`."""

    windows: int = 0
    """Cells in memory when the janitor last looked."""
    windows_created: int = 0
    windows_evicted: int = 0
    counters_pushed_out: int = 0
    """Counters in use that went because their workspace was at its bound."""
    replays_buffered: int = 0
    replays_dropped: int = 0
    replays_closed: int = 0
    """Spends after closing, which are not sent."""
    pushed_rows: int = 0
    push_errors: int = 0
    pulled_rows: int = 0
    pulled_rows_last: int = 0
    pull_errors: int = 0
    trimmed_rows: int = 0
    """Rows of windows that were over, taken out of the shared table."""
    imported_windows: int = 0
    """Cells that exist only because another region counted there."""
    workspaces: dict[str, WorkspaceCounts] = field(default_factory=dict)

    def workspace(self, workspace_id: str) -> WorkspaceCounts:
        """Return the counts of one workspace, creating them."""
        counts = self.workspaces.get(workspace_id)
        if counts is None:
            counts = self.workspaces[workspace_id] = WorkspaceCounts()
        return counts
