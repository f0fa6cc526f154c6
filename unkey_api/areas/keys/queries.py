"""The statements that write keys and what belongs to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from unkey_api.areas.keys.types import MigrationAlgorithm
from unkey_api.areas.permissions.ensure import hold_permissions, hold_roles
from unkey_api.areas.projects.service import SLUG as DEFAULT_PROJECT
from unkey_api.areas.ratelimit.types import AttachedLimit, last_of_each_name
from unkey_api.core.columns import UnixMs, to_datetime
from unkey_api.core.ids import (
    ApiId,
    IdentityId,
    IdPrefix,
    IdSource,
    KeyHash,
    KeyId,
    KeyspaceId,
    MigrationId,
    ProjectId,
    RatelimitId,
)
from unkey_api.infra.mysql import ReadConn, WriteConn, column_values, load_query, load_statement

HASHES_PER_QUERY = 1_000  # keeps the statement far below the size a server accepts


@dataclass(frozen=True, slots=True)
class IssuingApiRow:
    """An API as issuing a key needs it, deleted ones included."""

    id: ApiId
    name: str
    workspace_id: str
    deleted_at: UnixMs | None
    keyspace_id: KeyspaceId | None
    """None for an API without a keyspace, as are the following."""
    keyspace_deleted_at: UnixMs | None
    store_encrypted_keys: bool | None
    default_prefix: str | None
    default_bytes: int | None
    default_project_id: ProjectId | None
    """None when the workspace has none yet, or the replica does not know of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to insert."""

    id: KeyId
    key_auth_id: KeyspaceId
    hash: KeyHash
    start: str
    workspace_id: str
    created_at_m: UnixMs
    for_workspace_id: str | None = None
    name: str | None = None
    identity_id: IdentityId | None = None
    meta: str | None = None
    """JSON text."""
    expires: datetime | None = None
    enabled: bool = True
    remaining_requests: int | None = None
    refill_day: int | None = None
    refill_amount: int | None = None
    pending_migration_id: MigrationId | None = None


@dataclass(frozen=True, slots=True)
class NewEncryptedKey:
    """A recoverable secret to insert."""

    workspace_id: str
    key_id: KeyId
    created_at: UnixMs
    encrypted: str
    encryption_key_id: str


@dataclass(frozen=True, slots=True)
class NewRatelimit:
    """A rate limit of a key to insert."""

    id: RatelimitId
    name: str
    workspace_id: str
    created_at: UnixMs
    key_id: KeyId
    limit: int
    duration: int
    """Milliseconds."""
    auto_apply: bool


@dataclass(frozen=True, slots=True)
class _ApiIdRow:
    id: ApiId


@dataclass(frozen=True, slots=True)
class _HashRow:
    hash: str


@dataclass(frozen=True, slots=True)
class MigrationRow:
    """A migration: how keys were hashed where they come from."""

    id: MigrationId
    algorithm: MigrationAlgorithm


_FIND_ISSUING_API = load_query(__package__, "issuing_api_find", row=IssuingApiRow)
_HOLD_API = load_query(__package__, "api_hold_live", row=_ApiIdRow)
_KEY_VALUES = column_values(NewKey)
_LIMIT_VALUES = column_values(NewRatelimit)
_INSERT = load_statement(__package__, "key_insert")
_INSERT_ENCRYPTED = load_statement(__package__, "encrypted_key_insert")
_UPSERT_RATELIMIT = load_statement(__package__, "ratelimit_upsert")
_UPSERT_PERMISSION = load_statement(__package__, "key_permission_upsert")
_UPSERT_ROLE = load_statement(__package__, "key_role_upsert")
_LIST_RATELIMITS = load_query(__package__, "ratelimit_list_of_key", row=AttachedLimit)
_LIST_TAKEN = load_query(__package__, "key_list_taken_hashes", row=_HashRow)
_FIND_MIGRATION = load_query(__package__, "key_migration_find", row=MigrationRow)
_LOCK_MIGRATION = load_query(__package__, "key_migration_lock", row=MigrationRow)
_COPY_PERMISSIONS = load_statement(__package__, "key_permission_copy")
_COPY_ROLES = load_statement(__package__, "key_role_copy")


async def find_issuing_api(conn: ReadConn, api_id: str) -> IssuingApiRow | None:
    """Return the API, whatever its workspace and state."""
    return await conn.fetch_one(_FIND_ISSUING_API, {"id": api_id, "project_slug": DEFAULT_PROJECT})


async def hold_api(tx: WriteConn, workspace_id: str, api_id: str) -> bool:
    """Keep the API from being deleted until the transaction ends; False when it is gone."""
    return await tx.fetch_one(_HOLD_API, {"id": api_id, "workspace_id": workspace_id}) is not None


def expiry_column(expires_ms: int | None) -> datetime | None:
    """Return an expiry in the form of its column."""
    return None if expires_ms is None else to_datetime(UnixMs(expires_ms))


async def insert_keys(tx: WriteConn, keys: Iterable[NewKey]) -> None:
    """Insert keys with one statement, very many with few. Raises DuplicateKey when an id or a hash is taken."""
    await tx.execute_many(_INSERT, map(_KEY_VALUES, keys))


async def insert_encrypted(tx: WriteConn, secret: NewEncryptedKey) -> None:
    """Insert the recoverable secret of a key."""
    await tx.execute(_INSERT_ENCRYPTED, asdict(secret))


async def put_ratelimits(tx: WriteConn, limits: Iterable[NewRatelimit]) -> None:
    """Insert limits, or give those that exist by name their new settings. No limits, no statement."""
    await tx.execute_many(_UPSERT_RATELIMIT, map(_LIMIT_VALUES, limits))


async def link_permissions(tx: WriteConn, workspace_id: str, links: Iterable[tuple[str, str]], *, now: UnixMs) -> None:
    """Link keys to permissions, given as pairs of ids. Repeatable. No links, no statement.

    Raises LinkTargetGone, which has the transaction replayed, when a permission was deleted meanwhile.
    """
    rows = [
        {"key_id": key_id, "permission_id": permission_id, "workspace_id": workspace_id, "created_at_m": now}
        for key_id, permission_id in links
    ]
    await hold_permissions(tx, workspace_id, (str(row["permission_id"]) for row in rows))
    await tx.execute_many(_UPSERT_PERMISSION, rows)


async def link_roles(tx: WriteConn, workspace_id: str, links: Iterable[tuple[str, str]], *, now: UnixMs) -> None:
    """Link keys to roles, given as pairs of ids. Repeatable. No links, no statement. Raises LinkTargetGone likewise."""
    rows = [
        {"key_id": key_id, "role_id": role_id, "workspace_id": workspace_id, "created_at_m": now}
        for key_id, role_id in links
    ]
    await hold_roles(tx, workspace_id, (str(row["role_id"]) for row in rows))
    await tx.execute_many(_UPSERT_ROLE, rows)


async def list_ratelimits(conn: ReadConn, workspace_id: str, key_id: str) -> tuple[AttachedLimit, ...]:
    """Return the limits of the key itself, oldest first."""
    return tuple(await conn.fetch_all(_LIST_RATELIMITS, {"key_id": key_id, "workspace_id": workspace_id}))


async def copy_grants(tx: WriteConn, workspace_id: str, key_id: str, new_key_id: str, *, now: UnixMs) -> None:
    """Give a new key the permissions and roles of an old one."""
    params = {"key_id": key_id, "new_key_id": new_key_id, "workspace_id": workspace_id, "now": now}
    await tx.execute(_COPY_PERMISSIONS, params)
    await tx.execute(_COPY_ROLES, params)


async def find_migration(conn: ReadConn, workspace_id: str, migration_id: str) -> MigrationRow | None:
    """Return the migration of the workspace."""
    return await conn.fetch_one(_FIND_MIGRATION, {"id": migration_id, "workspace_id": workspace_id})


async def lock_migration(tx: WriteConn, workspace_id: str, migration_id: str) -> None:
    """Keep other imports of the migration that do the same waiting until the transaction ends."""
    await tx.fetch_one(_LOCK_MIGRATION, {"id": migration_id, "workspace_id": workspace_id})


async def list_taken_hashes(conn: ReadConn, hashes: Sequence[str]) -> set[str]:
    """Return those of the hashes that some key has, in any workspace, deleted or not."""
    taken: set[str] = set()
    for start in range(0, len(hashes), HASHES_PER_QUERY):
        rows = await conn.fetch_all(_LIST_TAKEN, {"hashes": list(hashes[start : start + HASHES_PER_QUERY])})
        taken.update(row.hash for row in rows)
    return taken


def new_ratelimits(
    ids: IdSource, workspace_id: str, key_id: KeyId, limits: Iterable[AttachedLimit], *, now: UnixMs
) -> list[NewRatelimit]:
    """Return the limits to insert for a key; of several with one name, the last."""
    return [
        NewRatelimit(
            id=RatelimitId(ids.new(IdPrefix.RATELIMIT)),
            name=limit.name,
            workspace_id=workspace_id,
            created_at=now,
            key_id=key_id,
            limit=limit.limit,
            duration=limit.duration_ms,
            auto_apply=limit.auto_apply,
        )
        for limit in last_of_each_name(limits)
    ]
