"""The tables of identities and their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from unkey_api.areas.identities.types import IdentityVanished
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdentityId, RatelimitId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class IdentityIdRow:
    """An identity, as far as one needs it to own a key."""

    id: IdentityId


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """An identity to insert."""

    id: IdentityId
    external_id: str
    workspace_id: str
    project_id: str
    created_at: UnixMs
    environment: str = "default"
    meta: str = "{}"
    """JSON text."""


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """A live identity."""

    id: IdentityId
    external_id: str
    meta: str | None
    """JSON text."""


@dataclass(frozen=True, slots=True)
class LockedIdentityRow:
    """An identity, deleted or not."""

    external_id: str
    meta: str | None
    """JSON text."""
    deleted: bool


@dataclass(frozen=True, slots=True)
class RatelimitRow:
    """A limit of an identity."""

    id: RatelimitId
    identity_id: IdentityId
    name: str
    limit: int
    duration: int
    auto_apply: bool


@dataclass(frozen=True, slots=True)
class RatelimitToWrite:
    """A limit to insert or to change."""

    id: RatelimitId
    workspace_id: str
    identity_id: IdentityId
    name: str
    limit: int
    duration: int
    auto_apply: bool
    now: UnixMs


@dataclass(frozen=True, slots=True)
class ExternalIdRow:
    """An identity by its external id."""

    id: IdentityId
    external_id: str


_UPSERT = load_statement(__package__, "identity_upsert")
_FIND_LOCKED = load_query(__package__, "identity_find_by_external_id_locked", row=IdentityIdRow)
_FIND_BY_KEY = load_query(__package__, "identity_find_by_key", row=IdentityRow)
_LIST = load_query(__package__, "identity_list", row=IdentityRow)
_LOCK = load_query(__package__, "identity_find_locked", row=LockedIdentityRow)
_INSERT = load_statement(__package__, "identity_insert")
_SET_META = load_statement(__package__, "identity_update_meta")
_MARK_DELETED = load_statement(__package__, "identity_mark_deleted")
_PURGE = load_statement(__package__, "identity_delete_older")
_LIST_RATELIMITS = load_query(__package__, "identity_ratelimit_list", row=RatelimitRow)
_INSERT_RATELIMIT = load_statement(__package__, "identity_ratelimit_insert")
_UPDATE_RATELIMIT = load_statement(__package__, "identity_ratelimit_update")
_DELETE_RATELIMITS = load_statement(__package__, "identity_ratelimit_delete")

_LIST_LOCKED = load_query(__package__, "identity_list_by_external_ids_locked", row=ExternalIdRow)


async def insert_if_absent(tx: WriteConn, identity: NewIdentity) -> bool:
    """Insert the identity and return True; return False when the workspace has a live one with its external id."""
    return (await tx.execute(_UPSERT, asdict(identity))).affected > 0


async def find_current(tx: ReadConn, workspace_id: str, external_id: str) -> IdentityId | None:
    """Return the live identity as it is committed now."""
    row = await tx.fetch_one(_FIND_LOCKED, {"workspace_id": workspace_id, "external_id": external_id})
    return row.id if row else None


async def find_by_key(conn: ReadConn, workspace_id: str, key: str) -> IdentityRow | None:
    """Return the live identity with exactly this id, or else exactly this external id."""
    row = await conn.fetch_one(_FIND_BY_KEY, {"workspace_id": workspace_id, "key": key})
    # The collation of ids ignores some characters; a text that has them names nobody.
    return row if row is not None and key in (row.id, row.external_id) else None


async def list_page(
    conn: ReadConn, workspace_id: str, *, cursor: str, pattern: str | None, limit: int
) -> list[IdentityRow]:
    """Return at most `limit` live identities by ascending id, the first not below `cursor`.

    `pattern` is a LIKE pattern with `!` as its escape, matched against id and external id; None matches all.
    """
    params = {"workspace_id": workspace_id, "cursor": cursor, "pattern": pattern, "limit": limit}
    return await conn.fetch_all(_LIST, params)


async def find_locked(tx: WriteConn, workspace_id: str, identity_id: IdentityId) -> LockedIdentityRow | None:
    """Return the identity, deleted or not, locked until the transaction ends."""
    return await tx.fetch_one(_LOCK, {"workspace_id": workspace_id, "id": identity_id})


async def insert(tx: WriteConn, identity: NewIdentity) -> None:
    """Insert an identity. Raises DuplicateKey when the workspace has a live one of its external id."""
    await tx.execute(_INSERT, asdict(identity))


async def set_meta(tx: WriteConn, workspace_id: str, identity_id: IdentityId, meta: str, *, now: UnixMs) -> None:
    """Replace the metadata."""
    await tx.execute(_SET_META, {"workspace_id": workspace_id, "id": identity_id, "meta": meta, "now": now})


async def mark_deleted(tx: WriteConn, workspace_id: str, identity_id: IdentityId) -> None:
    """Mark an identity as deleted. Raises DuplicateKey when a deleted one of its external id is still there."""
    await tx.execute(_MARK_DELETED, {"workspace_id": workspace_id, "id": identity_id})


async def delete_older(tx: WriteConn, workspace_id: str, external_id: str) -> None:
    """Remove what was deleted under this external id, limits included."""
    await tx.execute(_PURGE, {"workspace_id": workspace_id, "external_id": external_id})


async def list_ratelimits(conn: ReadConn, workspace_id: str, identity_ids: Sequence[IdentityId]) -> list[RatelimitRow]:
    """Return the limits of these identities, each identity's by name. No identities, no statement."""
    if not identity_ids:
        return []
    return await conn.fetch_all(_LIST_RATELIMITS, {"workspace_id": workspace_id, "ids": list(identity_ids)})


async def insert_ratelimits(tx: WriteConn, ratelimits: Sequence[RatelimitToWrite]) -> None:
    """Insert limits with one statement; none, no statement."""
    await tx.execute_many(_INSERT_RATELIMIT, [asdict(ratelimit) for ratelimit in ratelimits])


async def update_ratelimit(tx: WriteConn, ratelimit: RatelimitToWrite) -> None:
    """Give a limit new settings; its name stays."""
    params = asdict(ratelimit)
    del params["name"]
    await tx.execute(_UPDATE_RATELIMIT, params)


async def delete_ratelimits(
    tx: WriteConn, workspace_id: str, identity_id: IdentityId, ids: Sequence[RatelimitId]
) -> None:
    """Remove limits of an identity; none, no statement."""
    if ids:
        await tx.execute(
            _DELETE_RATELIMITS, {"workspace_id": workspace_id, "identity_id": identity_id, "ids": list(ids)}
        )


async def ensure_all(tx: WriteConn, workspace_id: str, wanted: Sequence[NewIdentity]) -> dict[str, IdentityId]:
    """Return the ids of live identities by external id, inserting what is missing. Nothing wanted, no statement.

    Safe under concurrency, in a transaction.
    """
    if not wanted:
        return {}
    ordered = sorted(wanted, key=lambda identity: identity.external_id)  # everybody locks in the same order
    await tx.execute_many(_UPSERT, [asdict(identity) for identity in ordered])
    external_ids = [identity.external_id for identity in ordered]
    rows = await tx.fetch_all(_LIST_LOCKED, {"workspace_id": workspace_id, "external_ids": external_ids})
    return {row.external_id: row.id for row in rows}


async def ensure_identity(tx: WriteConn, wanted: NewIdentity) -> IdentityId:
    """Return the id of the live identity with the external id of `wanted`, inserting `wanted` when there is none.

    Safe to repeat and under concurrency: exactly one caller inserts, all get the same id. Needs a transaction.

    Raises:
        IdentityVanished: It was deleted at this very moment.
    """
    if await insert_if_absent(tx, wanted):
        return wanted.id
    found = await find_current(tx, wanted.workspace_id, wanted.external_id)
    if found is None:
        raise IdentityVanished(wanted.external_id)
    return found
