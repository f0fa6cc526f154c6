"""The table of identities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from unkey_api.core.columns import UnixMs
from unkey_api.core.identifiers import IdentityId
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
    """An identity by its external id."""

    id: IdentityId
    external_id: str


_UPSERT = load_statement(__package__, "identity_upsert")
_FIND_LOCKED = load_query(__package__, "identity_find_by_external_id_locked", row=IdentityIdRow)

_LIST_LOCKED = load_query(__package__, "identity_list_by_external_ids_locked", row=IdentityRow)


async def insert_if_absent(tx: WriteConn, identity: NewIdentity) -> bool:
    """Insert the identity and return True; return False when the workspace has a live one with its external id."""
    return (await tx.execute(_UPSERT, asdict(identity))).affected > 0


async def find_current(tx: ReadConn, workspace_id: str, external_id: str) -> IdentityId | None:
    """Return the live identity as it is committed now."""
    row = await tx.fetch_one(_FIND_LOCKED, {"workspace_id": workspace_id, "external_id": external_id})
    return row.id if row else None


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
