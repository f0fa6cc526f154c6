"""Permissions named by slug, created where they do not exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unkey_api.core.columns import UnixMs
from unkey_api.core.identifiers import PermissionId
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.infra.mysql import WriteConn
from unkey_api.permissions import queries
from unkey_api.permissions.errors import PermissionDiffersInCase
from unkey_api.permissions.holding import LinkTargetGone
from unkey_api.permissions.queries import NewPermission
from unkey_api.permissions.types import Permission


@dataclass(frozen=True, slots=True)
class Ensured:
    """Permissions that exist now."""

    all: tuple[Permission, ...]
    """In the order they were asked for."""
    created: tuple[Permission, ...]
    """Those of them that did not exist before, in the same order."""


def new_permissions(
    ids: IdSource, workspace_id: str, project_id: str, slugs: Iterable[str], *, now: UnixMs, description: str = ""
) -> dict[str, NewPermission]:
    """Return a permission to insert for each slug, by slug, with the slug as its name.

    Make them outside of the transaction, so that a replay inserts the same ones. `description` may hold `{slug}`; empty
    leaves it NULL.
    """
    return {
        slug: NewPermission(
            id=PermissionId(ids.new(IdPrefix.PERMISSION)),
            workspace_id=workspace_id,
            project_id=project_id,
            name=slug,
            slug=slug,
            description=description.format(slug=slug) or None,
            created_at_m=now,
        )
        for slug in slugs
    }


async def ensure_permissions(tx: WriteConn, workspace_id: str, wanted: dict[str, NewPermission]) -> Ensured:
    """Return the permissions with the slugs of `wanted`, inserting what is missing. Needs a transaction.

    Safe under concurrency: of several creators of one slug, one inserts it and the others find it. One statement when
    nothing is missing, two when something is, three after a lost race.

    Raises:
        PermissionDiffersInCase: A missing slug is taken in another letter case. Roll back.
        LinkTargetGone: One was deleted at this very moment. The transaction is replayed.
    """
    found = {p.slug: p for p in await queries.list_permissions(tx, workspace_id, wanted)}
    # Sorted, so that transactions that create the same ones take their locks in the same order.
    missing = [wanted[slug] for slug in sorted(wanted.keys() - found.keys())]
    if missing:
        mine = {new.slug: Permission(new.id, new.slug, new.name, new.description) for new in missing}
        inserted = await queries.insert_permissions_if_absent(tx, missing)
        if inserted < len(missing):
            alike = await queries.list_permissions_any_case_current(tx, workspace_id, mine)
            mine = {permission.slug: permission for permission in alike if permission.slug in mine}
            _refuse_absent(missing, mine, others=len(alike) - len(mine))
        found |= mine
    present = tuple(found[slug] for slug in wanted)
    return Ensured(present, tuple(permission for permission in present if permission.id == wanted[permission.slug].id))


def _refuse_absent(wanted: Iterable[NewPermission], present: dict[str, Permission], *, others: int) -> None:
    """Return when all are present; `others` have these slugs in another spelling."""
    for permission in wanted:
        if permission.slug not in present:
            if others:
                raise PermissionDiffersInCase(permission.slug)
            raise LinkTargetGone(1)  # the one that was in the way of the insert has been deleted since
