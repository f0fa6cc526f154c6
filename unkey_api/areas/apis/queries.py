"""The tables of APIs and keyspaces."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from unkey_api.areas.apis.types import LiveApi
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import ApiId, KeyspaceId, ProjectId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class ApiRow:
    """An API as deleting needs it."""

    id: ApiId
    name: str
    workspace_id: str
    key_auth_id: KeyspaceId | None
    delete_protection: bool | None


@dataclass(frozen=True, slots=True)
class ApiSettingsRow:
    """What can be set about an API and its keyspace."""

    id: ApiId
    name: str
    ip_whitelist: str | None
    """Addresses and networks, joined by commas."""
    delete_protection: bool | None
    keyspace_id: KeyspaceId
    default_prefix: str | None
    default_bytes: int | None
    store_encrypted_keys: bool


@dataclass(frozen=True, slots=True)
class NewKeyspace:
    """A keyspace to insert, with all its settings at their defaults."""

    id: KeyspaceId
    workspace_id: str
    project_id: ProjectId
    created_at_m: UnixMs


@dataclass(frozen=True, slots=True)
class NewApi:
    """An API to insert."""

    id: ApiId
    name: str
    workspace_id: str
    project_id: ProjectId
    key_auth_id: KeyspaceId
    created_at_m: UnixMs


_FIND_LIVE = load_query(__package__, "api_find_live_by_id", row=LiveApi)
_LOCK = load_query(__package__, "api_lock_live", row=ApiRow)
_FIND_SETTINGS = load_query(__package__, "api_settings_find_locked", row=ApiSettingsRow)
_UPDATE_API = load_statement(__package__, "api_update_settings")
_UPDATE_KEYSPACE = load_statement(__package__, "key_auth_update_settings")
_INSERT_KEYSPACE = load_statement(__package__, "key_auth_insert")
_INSERT_API = load_statement(__package__, "api_insert")
_MARK_DELETED = load_statement(__package__, "api_mark_deleted")


async def find_live(conn: ReadConn, api_id: str) -> LiveApi | None:
    """Return the API if neither it nor its keyspace is deleted, whatever its workspace."""
    return await conn.fetch_one(_FIND_LIVE, {"id": api_id})


async def lock_live(tx: WriteConn, workspace_id: str, api_id: str) -> ApiRow | None:
    """Return the API unless it is deleted, and keep others from changing it until the transaction ends."""
    return await tx.fetch_one(_LOCK, {"id": api_id, "workspace_id": workspace_id})


async def find_settings_locked(tx: WriteConn, workspace_id: str, api_id: str) -> ApiSettingsRow | None:
    """Return the settings of a live API of the workspace and hold them until the transaction ends."""
    return await tx.fetch_one(_FIND_SETTINGS, {"id": api_id, "workspace_id": workspace_id})


async def update_settings(tx: WriteConn, workspace_id: str, settings: ApiSettingsRow, *, now: UnixMs) -> None:
    """Store all settings of an API whose rows the transaction holds."""
    owned = {"workspace_id": workspace_id, "now": now}
    api = {key: getattr(settings, key) for key in ("id", "name", "ip_whitelist", "delete_protection")}
    keyspace_columns = ("keyspace_id", "default_prefix", "default_bytes", "store_encrypted_keys")
    await tx.execute(_UPDATE_API, api | owned)
    await tx.execute(_UPDATE_KEYSPACE, {key: getattr(settings, key) for key in keyspace_columns} | owned)


async def insert_keyspace(tx: WriteConn, keyspace: NewKeyspace) -> None:
    """Insert a keyspace."""
    await tx.execute(_INSERT_KEYSPACE, asdict(keyspace))


async def insert_api(tx: WriteConn, api: NewApi) -> None:
    """Insert an API."""
    await tx.execute(_INSERT_API, asdict(api))


async def mark_deleted(tx: WriteConn, api_id: str, workspace_id: str, *, now: UnixMs) -> None:
    """Mark a locked API as deleted."""
    await tx.execute(_MARK_DELETED, {"id": api_id, "workspace_id": workspace_id, "now": now})
