"""The identity behind an external id, created the first time it is named."""

from __future__ import annotations

from unkey_api.areas.identities import queries
from unkey_api.areas.identities.errors import IdentityVanished
from unkey_api.areas.identities.queries import NewIdentity
from unkey_api.core.ids import IdentityId
from unkey_api.infra.mysql import WriteConn


async def ensure_identity(tx: WriteConn, wanted: NewIdentity) -> IdentityId:
    """Return the id of the live identity with the external id of `wanted`, inserting `wanted` when there is none.

    Safe to repeat and under concurrency: exactly one caller inserts, all get the same id. Needs a transaction.

    Raises:
        IdentityVanished: It was deleted at this very moment.
    """
    if await queries.insert_if_absent(tx, wanted):
        return wanted.id
    found = await queries.find_current(tx, wanted.workspace_id, wanted.external_id)
    if found is None:
        raise IdentityVanished(wanted.external_id)
    return found
