"""The statements behind the operator's commands."""

from __future__ import annotations

from dataclasses import asdict

from unkey_api.admin.types import LimitsRow, RootKeyLine, WorkspaceDetails, WorkspaceLine, WorkspaceRow
from unkey_api.core.columns import UnixMs
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement

_WORKSPACES = load_query(__package__, "workspace_list_live", row=WorkspaceLine)
_WORKSPACE = load_query(__package__, "workspace_find_live", row=WorkspaceLine)
_WORKSPACE_BY_SLUG = load_query(__package__, "workspace_find_live_by_slug", row=WorkspaceLine)
_WORKSPACE_DETAILS = load_query(__package__, "workspace_show", row=WorkspaceDetails)
_WORKSPACE_LOCK = load_query(__package__, "workspace_lock", row=WorkspaceRow)
_WORKSPACE_ENABLED = load_statement(__package__, "workspace_update_enabled")
_WORKSPACE_DELETED = load_statement(__package__, "workspace_mark_deleted")
_LIMITS = load_query(__package__, "limits_find", row=LimitsRow)
_PUT_LIMITS = load_statement(__package__, "limits_put")
_ROOT_KEYS = load_query(__package__, "root_key_list_live", row=RootKeyLine)
_ROOT_KEYS_BY_START = load_query(__package__, "root_key_find_by_start", row=RootKeyLine)
_ROOT_KEY = load_query(__package__, "root_key_find_live", row=RootKeyLine)


async def list_workspaces(conn: ReadConn) -> list[WorkspaceLine]:
    """Return every live workspace, oldest first."""
    return await conn.fetch_all(_WORKSPACES, {})


async def find_workspace(conn: ReadConn, workspace_id: str) -> WorkspaceLine | None:
    """Return the live workspace with this id, or None."""
    return await conn.fetch_one(_WORKSPACE, {"id": workspace_id})


async def find_workspace_by_slug(conn: ReadConn, slug: str) -> WorkspaceLine | None:
    """Return the live workspace with this slug, or None."""
    return await conn.fetch_one(_WORKSPACE_BY_SLUG, {"slug": slug})


async def show_workspace(conn: ReadConn, workspace_id: str) -> WorkspaceDetails | None:
    """Return the live workspace with this id and how much is in it, or None."""
    return await conn.fetch_one(_WORKSPACE_DETAILS, {"id": workspace_id})


async def lock_workspace(tx: WriteConn, workspace_id: str) -> WorkspaceRow | None:
    """Return the live workspace with this id and hold it until the transaction ends, or None."""
    return await tx.fetch_one(_WORKSPACE_LOCK, {"id": workspace_id})


async def set_workspace_enabled(tx: WriteConn, workspace_id: str, *, enabled: bool, now: UnixMs) -> None:
    """Switch a workspace that the transaction holds."""
    await tx.execute(_WORKSPACE_ENABLED, {"id": workspace_id, "enabled": enabled, "now": now})


async def mark_workspace_deleted(tx: WriteConn, workspace_id: str, *, now: UnixMs) -> None:
    """Mark a workspace that the transaction holds as deleted."""
    await tx.execute(_WORKSPACE_DELETED, {"id": workspace_id, "now": now})


async def find_limits(conn: ReadConn, workspace_id: str) -> LimitsRow | None:
    """Return the limits of a workspace, or None when nobody set any."""
    return await conn.fetch_one(_LIMITS, {"workspace_id": workspace_id})


async def put_limits(tx: WriteConn, limits: LimitsRow) -> None:
    """Store all limits of a workspace."""
    await tx.execute(_PUT_LIMITS, asdict(limits))


async def list_root_keys(conn: ReadConn, for_workspace_id: str) -> list[RootKeyLine]:
    """Return live root keys, newest first; an empty id means those of every workspace."""
    return await conn.fetch_all(_ROOT_KEYS, {"for_workspace_id": for_workspace_id})


async def find_root_key(conn: ReadConn, key_id: str) -> RootKeyLine | None:
    """Return the live root key with this id, or None."""
    return await conn.fetch_one(_ROOT_KEY, {"id": key_id})


async def find_root_keys_by_start(conn: ReadConn, start: str) -> list[RootKeyLine]:
    """Return the live root keys whose secrets begin like this, newest first."""
    return await conn.fetch_all(_ROOT_KEYS_BY_START, {"start": start})
