"""The table of identities."""

from __future__ import annotations

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


_UPSERT = load_statement(__package__, "identity_upsert")
_FIND_LOCKED = load_query(__package__, "identity_find_by_external_id_locked", row=IdentityIdRow)


async def insert_if_absent(tx: WriteConn, identity: NewIdentity) -> bool:
    """Insert the identity and return True; return False when the workspace has a live one with its external id."""
    return (await tx.execute(_UPSERT, asdict(identity))).affected > 0


async def find_current(tx: ReadConn, workspace_id: str, external_id: str) -> IdentityId | None:
    """Return the live identity as it is committed now."""
    row = await tx.fetch_one(_FIND_LOCKED, {"workspace_id": workspace_id, "external_id": external_id})
    return row.id if row else None
