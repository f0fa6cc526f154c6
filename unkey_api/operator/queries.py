"""The statements behind the operator's commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement
from unkey_api.operator.types import RootKeyLine, WorkspaceLine


@dataclass(frozen=True, slots=True)
class KeyspaceRow:
    """A keyspace and the workspace that owns it."""

    key_auth_id: str
    workspace_id: str


_WORKSPACES = load_query(__package__, "workspace_list_live", row=WorkspaceLine)
_WORKSPACE = load_query(__package__, "workspace_find_live", row=WorkspaceLine)
_WORKSPACE_BY_SLUG = load_query(__package__, "workspace_find_live_by_slug", row=WorkspaceLine)
_INSERT_WORKSPACE = load_statement(__package__, "workspace_insert")
_ROOT_KEYSPACE = load_query(__package__, "keyspace_find_of_root_keys", row=KeyspaceRow)
_KEYSPACE_OF = load_query(__package__, "keyspace_find_of_workspace", row=KeyspaceRow)
_INSERT_KEYSPACE = load_statement(__package__, "keyspace_insert")
_INSERT_API = load_statement(__package__, "api_insert_protected")
_INSERT_ROOT_KEY = load_statement(__package__, "root_key_insert")
_INSERT_PERMISSION = load_statement(__package__, "permission_insert_missing")
_LINK_PERMISSIONS = load_statement(__package__, "key_permission_insert_by_slugs")
_ROOT_KEYS = load_query(__package__, "root_key_list_live", row=RootKeyLine)
_ROOT_KEY = load_query(__package__, "root_key_find_live", row=RootKeyLine)
_DELETE_ROOT_KEY = load_statement(__package__, "root_key_update_deleted")

Values = Mapping[str, object]


async def list_workspaces(conn: ReadConn) -> list[WorkspaceLine]:
    """Return every live workspace, oldest first."""
    return await conn.fetch_all(_WORKSPACES, {})


async def find_workspace(conn: ReadConn, workspace_id: str) -> WorkspaceLine | None:
    """Return the live workspace with this id, or None."""
    return await conn.fetch_one(_WORKSPACE, {"id": workspace_id})


async def find_workspace_by_slug(conn: ReadConn, slug: str) -> WorkspaceLine | None:
    """Return the live workspace with this slug, or None."""
    return await conn.fetch_one(_WORKSPACE_BY_SLUG, {"slug": slug})


async def insert_workspace(tx: WriteConn, values: Values) -> None:
    """Insert a workspace. Raises DuplicateKey for a taken slug or organisation."""
    await tx.execute(_INSERT_WORKSPACE, values)


async def find_root_keyspace(conn: ReadConn) -> KeyspaceRow | None:
    """Return the keyspace root keys already live in, or None."""
    return await conn.fetch_one(_ROOT_KEYSPACE, {})


async def find_keyspace_of(conn: ReadConn, workspace_id: str) -> KeyspaceRow | None:
    """Return the first keyspace of a workspace, or None."""
    return await conn.fetch_one(_KEYSPACE_OF, {"workspace_id": workspace_id})


async def insert_keyspace(tx: WriteConn, keyspace: Values, api: Values) -> None:
    """Insert a keyspace and the API in front of it."""
    await tx.execute(_INSERT_KEYSPACE, keyspace)
    await tx.execute(_INSERT_API, api)


async def insert_root_key(tx: WriteConn, values: Values) -> None:
    """Insert a root key."""
    await tx.execute(_INSERT_ROOT_KEY, values)


async def grant(
    tx: WriteConn, key_id: str, workspace_id: str, permissions: Sequence[Mapping[str, object]], created_at_m: int
) -> None:
    """Give a key permissions of its workspace, creating those that do not exist."""
    await tx.execute_many(_INSERT_PERMISSION, permissions)
    slugs = [p["slug"] for p in permissions]
    values = {"key_id": key_id, "workspace_id": workspace_id, "slugs": slugs, "created_at_m": created_at_m}
    await tx.execute(_LINK_PERMISSIONS, values)


async def list_root_keys(conn: ReadConn, for_workspace_id: str) -> list[RootKeyLine]:
    """Return live root keys, newest first; an empty id means those of every workspace."""
    return await conn.fetch_all(_ROOT_KEYS, {"for_workspace_id": for_workspace_id})


async def find_root_key(conn: ReadConn, key_id: str) -> RootKeyLine | None:
    """Return the live root key with this id, or None."""
    return await conn.fetch_one(_ROOT_KEY, {"id": key_id})


async def delete_root_key(tx: WriteConn, key_id: str, deleted_at_m: int) -> bool:
    """Soft-delete a root key. Returns False when there was no live one."""
    result = await tx.execute(_DELETE_ROOT_KEY, {"id": key_id, "deleted_at_m": deleted_at_m})
    return result.affected == 1
