"""The statements behind the operator's commands."""

from __future__ import annotations

from unkey_api.infra.mysql import ReadConn, load_query
from unkey_api.operator.types import RootKeyLine, WorkspaceLine

_WORKSPACES = load_query(__package__, "workspace_list_live", row=WorkspaceLine)
_WORKSPACE = load_query(__package__, "workspace_find_live", row=WorkspaceLine)
_WORKSPACE_BY_SLUG = load_query(__package__, "workspace_find_live_by_slug", row=WorkspaceLine)
_ROOT_KEYS = load_query(__package__, "root_key_list_live", row=RootKeyLine)
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


async def list_root_keys(conn: ReadConn, for_workspace_id: str) -> list[RootKeyLine]:
    """Return live root keys, newest first; an empty id means those of every workspace."""
    return await conn.fetch_all(_ROOT_KEYS, {"for_workspace_id": for_workspace_id})


async def find_root_key(conn: ReadConn, key_id: str) -> RootKeyLine | None:
    """Return the live root key with this id, or None."""
    return await conn.fetch_one(_ROOT_KEY, {"id": key_id})
