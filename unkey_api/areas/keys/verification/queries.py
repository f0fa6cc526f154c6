"""The statements of verification."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.areas.keys.types import HeldByKey
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import (
    ApiId,
    KeyHash,
    KeyId,
    KeyspaceId,
    MigrationId,
    WorkspaceId,
)
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class VerifiableKeyRow(HeldByKey):
    """A key with everything that decides its verification."""

    id: KeyId
    key_auth_id: KeyspaceId
    workspace_id: WorkspaceId
    for_workspace_id: WorkspaceId | None
    name: str | None
    meta: str | None
    expires: UnixMs | None
    enabled: bool
    remaining_requests: int | None
    pending_migration_id: MigrationId | None
    api_id: ApiId
    api_deleted_at: UnixMs | None
    keyspace_deleted_at: UnixMs | None
    ip_whitelist: str | None
    workspace_enabled: bool
    workspace_deleted_at: UnixMs | None
    for_workspace_enabled: bool | None
    """None when there is no such workspace, or it is deleted."""


@dataclass(frozen=True, slots=True)
class MigratedKey:
    """What a key becomes when its migration is finished."""

    id: KeyId
    workspace_id: WorkspaceId
    migration_id: MigrationId
    hash: KeyHash
    start: str
    now: UnixMs


_FIND_BY_HASH = load_query(__package__, "verifiable_key_find_by_hash", row=VerifiableKeyRow)
_UPDATE_MIGRATED = load_statement(__package__, "key_update_migrated")


async def find_by_hash(conn: ReadConn, key_hash: KeyHash) -> VerifiableKeyRow | None:
    """Return the key with this hash, unless it was deleted."""
    return await conn.fetch_one(_FIND_BY_HASH, {"hash": key_hash})


def owners_of(row: VerifiableKeyRow) -> tuple[str, ...]:
    """Return the workspaces whose changes this key depends on."""
    if row.for_workspace_id is None:
        return (row.workspace_id,)
    return (row.workspace_id, row.for_workspace_id)


async def finish_migration(conn: WriteConn, key: MigratedKey) -> None:
    """Give the key its final hash. Raises DuplicateKey when another key has it."""
    await conn.execute(
        _UPDATE_MIGRATED,
        {
            "id": key.id,
            "workspace_id": key.workspace_id,
            "migration_id": key.migration_id,
            "hash": key.hash,
            "start": key.start,
            "now": key.now,
        },
    )
