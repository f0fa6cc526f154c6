"""The tables of APIs and keyspaces, and the keys of an API, a page at a time."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from unkey_api.areas.apis.types import LiveApi
from unkey_api.areas.keys.live_queries import KeyDetails, LiveKey
from unkey_api.areas.keys.service.get import ShownKey
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import ApiId, KeyHash, KeyId, KeyspaceId, ProjectId
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


@dataclass(frozen=True, slots=True)
class ListedKeyRow(KeyDetails):
    """A key with everything that is shown of it. What it shares with its API is not repeated."""

    id: KeyId
    hash: KeyHash
    start: str
    name: str | None
    workspace_id: str
    for_workspace_id: str | None
    meta: str | None
    expires: UnixMs | None
    enabled: bool
    remaining_requests: int | None
    refill_day: int | None
    refill_amount: int | None
    encrypted: str | None

    def shown(self, api: LiveApi) -> ShownKey:
        """Return the key of this API as its owner sees it, without its secret."""
        return ShownKey(self._key(api), self)

    def _key(self, api: LiveApi) -> LiveKey:
        return LiveKey(
            id=self.id,
            hash=self.hash,
            start=self.start,
            name=self.name,
            workspace_id=self.workspace_id,
            for_workspace_id=self.for_workspace_id,
            keyspace_id=api.keyspace_id,
            identity_id=self.identity_id,
            meta=self.meta,
            expires=self.expires,
            enabled=self.enabled,
            remaining_requests=self.remaining_requests,
            refill_day=self.refill_day,
            refill_amount=self.refill_amount,
            api_id=api.id,
            api_name=api.name,
            store_encrypted_keys=api.store_encrypted_keys,
            default_prefix=api.default_prefix,
            default_bytes=api.default_bytes,
            encrypted=self.encrypted,
        )


_LIST = load_query(__package__, "key_list_of_keyspace", row=ListedKeyRow)


async def list_keys(
    conn: ReadConn, api: LiveApi, *, cursor: str, external_id: str | None, limit: int
) -> list[ShownKey]:
    """Return at most `limit` keys of the API by ascending id, the first not below `cursor`, with one statement.

    `external_id` restricts to the keys of one identity; None does not.
    """
    params = {
        "keyspace_id": api.keyspace_id,
        "workspace_id": api.workspace_id,
        "cursor": cursor,
        "external_id": external_id,
        "limit": limit,
    }
    return [row.shown(api) for row in await conn.fetch_all(_LIST, params)]
