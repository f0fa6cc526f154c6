"""The statements of imports and exports."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from unkey_api.areas.keys.types import LimitList, MigrationAlgorithm, StringList
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import ApiId, KeyHash, KeyId, KeyspaceId, MigrationId
from unkey_api.infra.mysql import DuplicateKey, ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """A live workspace."""

    id: str


@dataclass(frozen=True, slots=True)
class ApiRow:
    """A live API with its keyspace."""

    id: ApiId
    name: str
    keyspace_id: KeyspaceId


@dataclass(frozen=True, slots=True)
class KeyIdRow:
    """A key."""

    id: KeyId


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A live key with everything an export tells of it."""

    id: KeyId
    keyspace_id: KeyspaceId
    hash: KeyHash
    start: str
    name: str | None
    meta: str | None
    expires: UnixMs | None
    enabled: bool
    remaining: int | None
    refill_day: int | None
    refill_amount: int | None
    migration_id: MigrationId | None
    created_at: UnixMs
    updated_at: UnixMs | None
    last_used_at: UnixMs
    identity_id: str | None
    external_id: str | None
    identity_meta: str | None
    permissions: StringList
    roles: StringList
    ratelimits: LimitList
    identity_ratelimits: LimitList


_WORKSPACE = load_query(__package__, "transfer_workspace_find", row=WorkspaceRow)
_APIS = load_query(__package__, "transfer_api_list", row=ApiRow)
_INSERT_MIGRATION = load_statement(__package__, "transfer_migration_insert")
_TAKEN_IDS = load_query(__package__, "transfer_key_list_taken_ids", row=KeyIdRow)
_SETTLED = load_query(__package__, "transfer_key_find_settled", row=KeyIdRow)
_EXPORT = load_query(__package__, "transfer_key_list", row=ExportRow)


async def workspace_exists(conn: ReadConn, workspace_id: str) -> bool:
    """Say whether there is a live workspace of this id."""
    return await conn.fetch_one(_WORKSPACE, {"id": workspace_id}) is not None


async def list_apis(conn: ReadConn, workspace_id: str) -> list[ApiRow]:
    """Return the live APIs of a workspace that have a live keyspace, by id."""
    return await conn.fetch_all(_APIS, {"workspace_id": workspace_id})


async def insert_migration(
    conn: WriteConn, workspace_id: str, migration_id: str, algorithm: MigrationAlgorithm
) -> bool:
    """Insert a migration. Return False when the id is taken, in any workspace."""
    values = {"id": migration_id, "workspace_id": workspace_id, "algorithm": algorithm.value}
    try:
        await conn.execute(_INSERT_MIGRATION, values)
    except DuplicateKey:
        return False
    return True


async def list_taken_ids(conn: ReadConn, ids: Collection[str]) -> set[str]:
    """Return those of the ids that some key has, in any workspace, deleted or not. No ids, no statement."""
    if not ids:
        return set()
    return {row.id for row in await conn.fetch_all(_TAKEN_IDS, {"ids": list(ids)})}


async def key_exists_for_good(conn: ReadConn, key_id: str) -> bool:
    """Say whether there is a key of this id, after waiting for a transaction that may be writing it at this moment."""
    return await conn.fetch_one(_SETTLED, {"id": key_id}) is not None


async def list_keys(
    conn: ReadConn, workspace_id: str, keyspace_id: str, *, migration_id: str, after: str, count: int
) -> list[ExportRow]:
    """Return up to `count` live keys of a keyspace after an id, by id; those of one migration unless it is empty."""
    values = {"workspace_id": workspace_id, "keyspace_id": keyspace_id, "migration_id": migration_id}
    return await conn.fetch_all(_EXPORT, {**values, "after": after, "count": count})
