"""The log of changes: the statements that read and trim it, and what takes old changes out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from unkey_api.core.changes import LANES, Change, ChangeKind, LoggedChange, workspace_changed
from unkey_api.core.clock import Clock
from unkey_api.core.errors import AppError
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class _LaneRow:
    lane: int
    revision: int


@dataclass(frozen=True, slots=True)
class _ChangeRow:
    revision: int
    workspace_id: str
    scope_id: str
    kind: int
    subject: str


@dataclass(frozen=True, slots=True)
class _RevisionRow:
    revision: int | None


_LANES = load_query(__package__, "change_lane_list", row=_LaneRow)
_CHANGES = load_query(__package__, "change_list_after", row=_ChangeRow)
_TRIMMABLE = load_query(__package__, "change_find_trimmable", row=_RevisionRow)
_DELETE = load_statement(__package__, "change_delete_until")
_KINDS = {int(kind): kind for kind in ChangeKind}


async def list_heads(conn: ReadConn) -> dict[int, int]:
    """Return the newest revision of every lane."""
    return {row.lane: row.revision for row in await conn.fetch_all(_LANES, {})}


async def list_changes(conn: ReadConn, lane: int, *, after: int, count: int) -> list[LoggedChange]:
    """Return at most `count` changes of a lane, oldest first.

    A kind that only newer versions know counts as a change of the whole workspace.
    """
    rows = await conn.fetch_all(_CHANGES, {"lane": lane, "after": after, "count": count})
    return [LoggedChange(row.revision, _change(row)) for row in rows]


def _change(row: _ChangeRow) -> Change:
    kind = _KINDS.get(row.kind)
    if kind is None:
        return workspace_changed(row.workspace_id)
    return Change(row.workspace_id, kind, row.subject, row.scope_id)


async def trim(conn: WriteConn, lane: int, *, before_ms: int, count: int) -> bool:
    """Remove at most `count` of a lane's changes that are older than a time in Unix milliseconds.

    Returns whether there may be more.
    """
    found = await conn.fetch_one(_TRIMMABLE, {"lane": lane, "count": count, "before": before_ms})
    if found is None or found.revision is None:
        return False
    deleted = await conn.execute(_DELETE, {"lane": lane, "until": found.revision})
    return deleted.affected >= count


KEPT = timedelta(hours=72)
"""How long changes are kept. Who was away for longer begins afresh, with nothing cached."""
EVERY_SECONDS = 600.0
PORTION = 1_000  # rows per statement, so that no lock is held for long

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ChangeTrimming:
    """Removes changes that are older than 72 hours, in the first worker of each host.

    Several hosts may do it at once: each statement removes a range, and what is gone already is no obstacle.
    """

    def __init__(self, primary: WriteConn, clock: Clock, *, share: int) -> None:
        """Take the database and which worker of its host this is; only the first, 0, does anything."""
        self._primary = primary
        self._clock = clock
        self._busy = share == 0
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Have `run` end."""
        self._closing.set()

    async def run(self) -> None:
        """Trim every ten minutes until closed; the first time ten minutes after the start."""
        while not self._closing.is_set():
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._closing.wait()
            except TimeoutError:
                await self._trim_patiently()

    async def trim(self) -> None:
        """Remove everything that is too old. Raises StoreUnavailable."""
        before_ms = self._clock.now_ms() - int(KEPT.total_seconds() * 1_000)
        for lane in range(LANES):
            while await trim(self._primary, lane, before_ms=before_ms, count=PORTION):
                if self._closing.is_set():
                    return

    async def _trim_patiently(self) -> None:
        if not self._busy:
            return
        try:
            await self.trim()
        except AppError as err:
            _log.warning("old changes could not be removed, tried again later", error=err.internal)
