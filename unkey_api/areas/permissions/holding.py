"""Keeping permissions and roles in place while something is linked to them.

A transaction that read a permission does not keep others from deleting it. Without a lock the deletion takes out the
links it sees, the link that is just being made comes after it, and leads nowhere for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unkey_api.infra.mysql import WriteConn, load_query
from unkey_api.infra.mysql.errors import StoreUnavailable
from unkey_api.infra.mysql.statement import Query

IDS_PER_QUERY = 1_000


class LinkTargetGone(StoreUnavailable):
    """What was to be linked was deleted meanwhile. Trying the transaction again reads what there is now."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} permissions or roles were deleted while they were linked", transient=True)


@dataclass(frozen=True, slots=True)
class _IdRow:
    id: str


_PERMISSIONS = load_query(__package__, "permission_list_held", row=_IdRow)
_ROLES = load_query(__package__, "role_list_held", row=_IdRow)


async def hold_permissions(tx: WriteConn, workspace_id: str, ids: Iterable[str]) -> None:
    """Keep these permissions from being deleted until the transaction ends. None, no statement.

    Raises:
        LinkTargetGone: One is deleted already. The transaction is replayed.
    """
    await _hold(tx, _PERMISSIONS, workspace_id, ids)


async def hold_roles(tx: WriteConn, workspace_id: str, ids: Iterable[str]) -> None:
    """Do the same for roles."""
    await _hold(tx, _ROLES, workspace_id, ids)


async def _hold(tx: WriteConn, query: Query[_IdRow], workspace_id: str, ids: Iterable[str]) -> None:
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), IDS_PER_QUERY):
        chunk = wanted[start : start + IDS_PER_QUERY]
        held = await tx.fetch_all(query, {"workspace_id": workspace_id, "ids": chunk})
        if len(held) < len(chunk):
            raise LinkTargetGone(len(chunk) - len(held))
