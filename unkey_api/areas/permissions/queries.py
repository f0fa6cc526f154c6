"""The tables of permissions and roles."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from unkey_api.areas.permissions.types import Permission, Role
from unkey_api.core.columns import FromJson, UnixMs
from unkey_api.core.ids import PermissionId, RoleId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class NewPermission:
    """A permission to insert."""

    id: PermissionId
    workspace_id: str
    project_id: str
    name: str
    slug: str
    description: str | None
    created_at_m: UnixMs


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A role without its permissions."""

    id: RoleId
    name: str
    description: str | None


@dataclass(frozen=True, slots=True)
class NewRole:
    """A role to insert."""

    id: RoleId
    workspace_id: str
    project_id: str
    name: str
    created_at_m: UnixMs
    description: str | None = None


PermissionColumns = tuple[str, str, str, str | None]
"""Id, slug, name, description."""


@dataclass(frozen=True, slots=True)
class RoleDetailsRow:
    """A role with its permissions."""

    id: RoleId
    name: str
    description: str | None
    permissions: Annotated[list[PermissionColumns] | None, FromJson()]

    def as_role(self) -> Role:
        """Return the role, its permissions ordered by slug."""
        listed = [
            Permission(PermissionId(id_), slug, name, description)
            for id_, slug, name, description in self.permissions or ()
        ]
        return Role(self.id, self.name, self.description, tuple(sorted(listed, key=lambda p: p.slug)))


_LIST_BY_SLUGS = load_query(__package__, "permission_list_by_slugs", row=Permission)
_LIST_BY_SLUGS_LOCKED = load_query(__package__, "permission_list_by_slugs_locked", row=Permission)
_INSERT_IF_ABSENT = load_statement(__package__, "permission_insert_if_absent")
_LIST_ROLES = load_query(__package__, "role_list_by_names", row=RoleRow)
_LIST_ROLES_LOCKED = load_query(__package__, "role_list_by_names_locked", row=RoleRow)
_INSERT_ROLES_IF_ABSENT = load_statement(__package__, "role_insert_if_absent")
_LIST_ROLES_WITH_PERMISSIONS = load_query(__package__, "role_list_by_names_with_permissions", row=RoleDetailsRow)


async def list_permissions(conn: ReadConn, workspace_id: str, slugs: Collection[str]) -> list[Permission]:
    """Return the permissions with exactly these slugs, oldest first. No slugs, no statement."""
    if not slugs:
        return []
    rows = await conn.fetch_all(_LIST_BY_SLUGS, {"workspace_id": workspace_id, "slugs": list(slugs)})
    return _exact(rows, slugs)


async def list_permissions_any_case(conn: ReadConn, workspace_id: str, slugs: Collection[str]) -> list[Permission]:
    """Return the permissions with these slugs in whatever letter case, oldest first."""
    return await conn.fetch_all(_LIST_BY_SLUGS, {"workspace_id": workspace_id, "slugs": list(slugs)})


async def list_permissions_any_case_current(
    tx: WriteConn, workspace_id: str, slugs: Collection[str]
) -> list[Permission]:
    """Return the same as committed now, not as the snapshot shows it, and keep them until the transaction ends."""
    return await tx.fetch_all(_LIST_BY_SLUGS_LOCKED, {"workspace_id": workspace_id, "slugs": list(slugs)})


async def insert_permissions_if_absent(tx: WriteConn, permissions: Sequence[NewPermission]) -> int:
    """Insert those whose slug is free and return how many that were."""
    return await tx.execute_many(_INSERT_IF_ABSENT, [asdict(permission) for permission in permissions])


async def list_roles(conn: ReadConn, workspace_id: str, names: Collection[str]) -> list[RoleRow]:
    """Return the roles with exactly these names, oldest first. No names, no statement."""
    if not names:
        return []
    rows = await conn.fetch_all(_LIST_ROLES, {"workspace_id": workspace_id, "names": list(names)})
    wanted = frozenset(names)
    return [row for row in rows if row.name in wanted]


async def ensure_roles(tx: WriteConn, workspace_id: str, wanted: dict[str, NewRole]) -> dict[str, RoleId]:
    """Return the ids of the roles of these names, inserting what is missing. Safe under concurrency; no names, no work.

    A name that is taken in another letter case is left out of the answer.
    """
    if not wanted:
        return {}
    found = {role.name: role.id for role in await list_roles(tx, workspace_id, wanted)}
    missing = [wanted[name] for name in sorted(wanted.keys() - found.keys())]
    if missing:
        await tx.execute_many(_INSERT_ROLES_IF_ABSENT, [asdict(role) for role in missing])
        names = [role.name for role in missing]
        rows = await tx.fetch_all(_LIST_ROLES_LOCKED, {"workspace_id": workspace_id, "names": names})
        found |= {row.name: row.id for row in rows if row.name in wanted}
    return found


async def list_roles_with_permissions(conn: ReadConn, workspace_id: str, names: Collection[str]) -> list[Role]:
    """Return the roles with exactly these names and their permissions, oldest first. No names, no statement."""
    if not names:
        return []
    params = {"workspace_id": workspace_id, "names": list(names)}
    rows = await conn.fetch_all(_LIST_ROLES_WITH_PERMISSIONS, params)
    wanted = frozenset(names)
    return [row.as_role() for row in rows if row.name in wanted]


def _exact(rows: Sequence[Permission], slugs: Collection[str]) -> list[Permission]:
    wanted = frozenset(slugs)
    return [row for row in rows if row.slug in wanted]
