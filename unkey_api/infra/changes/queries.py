"""The statements that read and trim the log of changes."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.core.changes import Change, ChangeKind, LoggedChange, workspace_changed
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
