"""The statements that write keys and what belongs to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from unkey_api.core.columns import UnixMs, to_datetime
from unkey_api.core.identifiers import (
    ApiId,
    IdentityId,
    KeyHash,
    KeyId,
    KeyspaceId,
    MigrationId,
    ProjectId,
    RatelimitId,
)
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement
from unkey_api.projects.service import SLUG as DEFAULT_PROJECT


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


_FIND_ISSUING_API = load_query(__package__, "issuing_api_find", row=IssuingApiRow)
_INSERT = load_statement(__package__, "key_insert")
_INSERT_ENCRYPTED = load_statement(__package__, "encrypted_key_insert")
_UPSERT_RATELIMIT = load_statement(__package__, "ratelimit_upsert")
_UPSERT_PERMISSION = load_statement(__package__, "key_permission_upsert")
_UPSERT_ROLE = load_statement(__package__, "key_role_upsert")


async def find_issuing_api(conn: ReadConn, api_id: str) -> IssuingApiRow | None:
    """Return the API, whatever its workspace and state."""
    return await conn.fetch_one(_FIND_ISSUING_API, {"id": api_id, "project_slug": DEFAULT_PROJECT})


def expiry_column(expires_ms: int | None) -> datetime | None:
    """Return an expiry in the form of its column."""
    return None if expires_ms is None else to_datetime(UnixMs(expires_ms))


async def insert_keys(tx: WriteConn, keys: Sequence[NewKey]) -> None:
    """Insert keys with one statement. Raises DuplicateKey when an id or a hash is taken."""
    await tx.execute_many(_INSERT, [asdict(key) for key in keys])


async def insert_encrypted(tx: WriteConn, secret: NewEncryptedKey) -> None:
    """Insert the recoverable secret of a key."""
    await tx.execute(_INSERT_ENCRYPTED, asdict(secret))


async def put_ratelimits(tx: WriteConn, limits: Sequence[NewRatelimit]) -> None:
    """Insert limits, or give those that exist by name their new settings. No limits, no statement."""
    await tx.execute_many(_UPSERT_RATELIMIT, [asdict(limit) for limit in limits])


async def link_permissions(tx: WriteConn, workspace_id: str, links: Iterable[tuple[str, str]], *, now: UnixMs) -> None:
    """Link keys to permissions, given as pairs of ids. Repeatable. No links, no statement."""
    rows = [
        {"key_id": key_id, "permission_id": permission_id, "workspace_id": workspace_id, "created_at_m": now}
        for key_id, permission_id in links
    ]
    await tx.execute_many(_UPSERT_PERMISSION, rows)


async def link_roles(tx: WriteConn, workspace_id: str, links: Iterable[tuple[str, str]], *, now: UnixMs) -> None:
    """Link keys to roles, given as pairs of ids. Repeatable. No links, no statement."""
    rows = [
        {"key_id": key_id, "role_id": role_id, "workspace_id": workspace_id, "created_at_m": now}
        for key_id, role_id in links
    ]
    await tx.execute_many(_UPSERT_ROLE, rows)
