"""The statements of root keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from unkey_api.areas.rootkeys.grants import Grant
from unkey_api.core.columns import UnixMs, to_datetime
from unkey_api.core.ids import KeyHash, KeyId, KeyspaceId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class KeyspaceRow:
    """A keyspace and the workspace that owns it."""

    key_auth_id: KeyspaceId
    workspace_id: str


@dataclass(frozen=True, slots=True)
class RootKeyRow:
    """A live root key."""

    id: KeyId
    hash: KeyHash
    start: str
    name: str | None
    key_auth_id: KeyspaceId
    workspace_id: str
    """The operator's."""
    for_workspace_id: str
    enabled: bool
    expires: UnixMs | None
    created_at_m: UnixMs
    last_used_at: UnixMs


@dataclass(frozen=True, slots=True)
class KeyIdRow:
    """A root key, as far as a page needs it to choose."""

    id: KeyId


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A permission of a root key."""

    key_id: KeyId
    permission_id: str
    permission: str
    through_role: bool


_KEYSPACE = load_query(__package__, "keyspace_exists", row=KeyspaceRow)
_ANY_IN_WORKSPACE = load_query(__package__, "root_key_find_any_in_workspace", row=KeyIdRow)
_INSERT_WORKSPACE = load_statement(__package__, "workspace_insert")
_INSERT_KEYSPACE = load_statement(__package__, "keyspace_insert")
_INSERT_API = load_statement(__package__, "api_insert_protected")
_IDS = load_query(__package__, "root_key_list_ids", row=KeyIdRow)
_DETAILS = load_query(__package__, "root_key_list_by_ids", row=RootKeyRow)
_LOCK = load_query(__package__, "root_key_lock", row=RootKeyRow)
_GRANTS = load_query(__package__, "root_key_permission_list", row=GrantRow)
_UNLINK = load_statement(__package__, "root_key_permission_delete")
_UNLINK_ROLES = load_statement(__package__, "root_key_role_delete")
_UPDATE = load_statement(__package__, "root_key_update_fields")
_UPDATE_DELETED = load_statement(__package__, "root_key_update_deleted")

Values = Mapping[str, object]


async def keyspace_exists(conn: ReadConn, keyspace: KeyspaceRow) -> bool:
    """Say whether a keyspace is there, with a live API in front of it."""
    values = {"key_auth_id": keyspace.key_auth_id, "workspace_id": keyspace.workspace_id}
    return await conn.fetch_one(_KEYSPACE, values) is not None


async def live_in(conn: ReadConn, workspace_id: str) -> bool:
    """Say whether live root keys are rows of this workspace."""
    return await conn.fetch_one(_ANY_IN_WORKSPACE, {"workspace_id": workspace_id}) is not None


async def insert_workspace(tx: WriteConn, values: Values) -> None:
    """Insert a workspace. Raises DuplicateKey for a taken slug or organisation."""
    await tx.execute(_INSERT_WORKSPACE, values)


async def insert_keyspace(tx: WriteConn, keyspace: Values, api: Values) -> None:
    """Insert a keyspace and the API in front of it."""
    await tx.execute(_INSERT_KEYSPACE, keyspace)
    await tx.execute(_INSERT_API, api)


async def list_ids(conn: ReadConn, for_workspace_id: str, *, first: str, count: int) -> list[KeyId]:
    """Return up to `count` ids of live root keys of a workspace, ascending, from `first` on, itself included."""
    rows = await conn.fetch_all(_IDS, {"for_workspace_id": for_workspace_id, "first": first, "count": count})
    return [row.id for row in rows]


async def list_by_ids(conn: ReadConn, for_workspace_id: str, ids: Collection[str]) -> list[RootKeyRow]:
    """Return those of the root keys that are live, ascending by id. No ids, no statement."""
    if not ids:
        return []
    return await conn.fetch_all(_DETAILS, {"for_workspace_id": for_workspace_id, "ids": list(ids)})


async def lock(tx: WriteConn, for_workspace_id: str, key_id: str) -> RootKeyRow | None:
    """Return the live root key and keep others from changing it until the transaction ends. None when there is none."""
    return await tx.fetch_one(_LOCK, {"id": key_id, "for_workspace_id": for_workspace_id})


async def list_grants(conn: ReadConn, key_ids: Collection[str]) -> list[GrantRow]:
    """Return what root keys may do, directly or through roles; repetitions are possible. No ids, no statement."""
    if not key_ids:
        return []
    return await conn.fetch_all(_GRANTS, {"key_ids": list(key_ids)})


async def take_grants(tx: WriteConn, key: RootKeyRow, grants: Sequence[Grant]) -> None:
    """Remove permissions that were given directly. None, no statement."""
    if grants:
        ids = [grant.permission_id for grant in grants]
        await tx.execute(_UNLINK, {"key_id": key.id, "workspace_id": key.workspace_id, "permission_ids": ids})


async def take_roles(tx: WriteConn, key: RootKeyRow) -> None:
    """Remove all roles of a root key."""
    await tx.execute(_UNLINK_ROLES, {"key_id": key.id, "workspace_id": key.workspace_id})


async def update_fields(
    tx: WriteConn, key: RootKeyRow, *, name: str | None, enabled: bool, expires: UnixMs | None, now: UnixMs
) -> None:
    """Give a locked root key its name, switch and end, and stamp it."""
    values = {
        "id": key.id,
        "for_workspace_id": key.for_workspace_id,
        "name": name,
        "enabled": enabled,
        "expires": None if expires is None else to_datetime(expires),
        "now": now,
    }
    await tx.execute(_UPDATE, values)


async def mark_deleted(tx: WriteConn, for_workspace_id: str, key_id: str, *, now: UnixMs) -> bool:
    """Soft-delete a root key. Return False when there is no live one."""
    values = {"id": key_id, "for_workspace_id": for_workspace_id, "deleted_at_m": now}
    return (await tx.execute(_UPDATE_DELETED, values)).affected == 1
