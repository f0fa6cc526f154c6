"""Permissions named by slug, found or created: the one way to do it, for keys, roles, imports and root keys.

Before something is linked to them, permissions and roles are held. A transaction that read a permission does not keep
others from deleting it. Without a lock the deletion takes out the links it sees, the link that is just being made comes
after it, and leads nowhere for good.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from unkey_api.areas.permissions import queries
from unkey_api.areas.permissions.queries import NewPermission
from unkey_api.areas.permissions.types import Permission, PermissionDiffersInCase
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, IdSource, PermissionId
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


@dataclass(frozen=True, slots=True)
class Ensured:
    """Permissions that exist now."""

    all: tuple[Permission, ...]
    """In the order they were asked for."""
    created: tuple[Permission, ...]
    """Those of them that did not exist before, in the same order. Their insert has locked them."""

    @property
    def found(self) -> tuple[Permission, ...]:
        """The others, which somebody may delete unless they are held."""
        ours = {permission.id for permission in self.created}
        return tuple(permission for permission in self.all if permission.id not in ours)


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


def distinct_slugs(slugs: Iterable[str]) -> list[str]:
    """Return the slugs without those that differ only in letter case, first spelling wins, in ascending byte order."""
    seen: dict[str, str] = {}
    for slug in slugs:
        seen.setdefault(slug.lower(), slug)
    return sorted(seen.values())


async def ensure_permissions(
    tx: WriteConn,
    workspace_id: str,
    wanted: Mapping[str, NewPermission],
    *,
    any_case: bool = False,
    on_missing: Callable[[], Awaitable[str]] | None = None,
) -> Ensured:
    """Return the permissions with the slugs of `wanted`, inserting what is missing. Needs a transaction.

    Safe under concurrency: of several creators of one slug, one inserts it and the others find it. What is missing is
    looked for without a lock, because a lock on what is not there blocks everybody else's insert; whoever links what is
    returned holds it first. One statement when nothing is missing, two when something is, three after a lost race.

    Args:
        tx: The transaction.
        workspace_id: Whose permissions.
        wanted: What to insert for each slug that is missing, see `new_permissions`.
        any_case: Whether a slug names the permission that differs from it in letter case only, as it does for roles. A
            key's permissions are compared letter by letter, so there another spelling would be another permission.
        on_missing: Called before the first insert. Raises when the caller may not create permissions, else returns
            the project of the new ones.

    Raises:
        PermissionDiffersInCase: A missing slug is taken in another letter case. Roll back. Never for `any_case`.
        LinkTargetGone: One was deleted at this very moment. The transaction is replayed.
    """
    same = str.lower if any_case else str

    def mine(listed: Iterable[Permission]) -> dict[str, Permission]:
        asked = {same(slug) for slug in wanted}
        return {same(permission.slug): permission for permission in listed if same(permission.slug) in asked}

    if not wanted:
        return Ensured((), ())
    found = mine(await queries.list_permissions_any_case(tx, workspace_id, list(wanted)))
    # Sorted, so that transactions that create the same ones take their locks in the same order.
    missing = [wanted[slug] for slug in sorted(wanted) if same(slug) not in found]
    if missing:
        if on_missing is not None:
            project_id = await on_missing()
            missing = [replace(new, project_id=project_id) for new in missing]
        inserted = await queries.insert_permissions_if_absent(tx, missing)
        found |= {same(new.slug): Permission(new.id, new.slug, new.name, new.description) for new in missing}
        if inserted < len(missing):
            slugs = [new.slug for new in missing]
            alike = await queries.list_permissions_any_case_current(tx, workspace_id, slugs)
            found |= (current := mine(alike))
            _refuse_absent(slugs, current, same, taken={_plain(permission.slug) for permission in alike})
    present = tuple(found[same(slug)] for slug in wanted)
    drawn = {new.id for new in wanted.values()}
    return Ensured(present, tuple(permission for permission in present if permission.id in drawn))


def _refuse_absent(
    slugs: Iterable[str], present: Mapping[str, Permission], same: Callable[[str], str], *, taken: set[str]
) -> None:
    """Return when all are present; `taken` are the slugs that are there, without letter case and accents."""
    for slug in slugs:
        if same(slug) not in present:
            if _plain(slug) in taken:
                raise PermissionDiffersInCase(slug)
            raise LinkTargetGone(1)  # the one that was in the way of the insert has been deleted since


def _plain(slug: str) -> str:
    """Return what the unique index compares, near enough: two slugs of one call may be equal to it as well."""
    spelled = unicodedata.normalize("NFKD", slug)
    return "".join(mark for mark in spelled if not unicodedata.combining(mark)).casefold()
