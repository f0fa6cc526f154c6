"""The tables of permissions and roles."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from unkey_api.core.columns import UnixMs
from unkey_api.core.identifiers import PermissionId, RoleId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement
from unkey_api.permissions.types import Permission


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


_LIST_BY_SLUGS = load_query(__package__, "permission_list_by_slugs", row=Permission)
_LIST_BY_SLUGS_LOCKED = load_query(__package__, "permission_list_by_slugs_locked", row=Permission)
_INSERT_IF_ABSENT = load_statement(__package__, "permission_insert_if_absent")
_LIST_ROLES = load_query(__package__, "role_list_by_names", row=RoleRow)


async def list_permissions(conn: ReadConn, workspace_id: str, slugs: Collection[str]) -> list[Permission]:
    """Return the permissions with exactly these slugs, oldest first. No slugs, no statement."""
    if not slugs:
        return []
    rows = await conn.fetch_all(_LIST_BY_SLUGS, {"workspace_id": workspace_id, "slugs": list(slugs)})
    return _exact(rows, slugs)


async def list_permissions_current(tx: WriteConn, workspace_id: str, slugs: Collection[str]) -> list[Permission]:
    """Return the same as it is committed now, not as the transaction's snapshot shows it."""
    rows = await tx.fetch_all(_LIST_BY_SLUGS_LOCKED, {"workspace_id": workspace_id, "slugs": list(slugs)})
    return _exact(rows, slugs)


async def list_permissions_any_case(conn: ReadConn, workspace_id: str, slugs: Collection[str]) -> list[Permission]:
    """Return the permissions with these slugs in whatever letter case, oldest first."""
    return await conn.fetch_all(_LIST_BY_SLUGS, {"workspace_id": workspace_id, "slugs": list(slugs)})


async def list_permissions_any_case_current(
    tx: WriteConn, workspace_id: str, slugs: Collection[str]
) -> list[Permission]:
    """Return the same as it is committed now, locked against deletion until the transaction ends."""
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


def _exact(rows: Sequence[Permission], slugs: Collection[str]) -> list[Permission]:
    wanted = frozenset(slugs)
    return [row for row in rows if row.slug in wanted]
