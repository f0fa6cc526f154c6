"""The tables of roles and their permissions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from unkey_api.areas.permissions.queries import NewRole, RoleRow
from unkey_api.areas.permissions.types import Permission, Role, StoredRole
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import PermissionId, RoleId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement


@dataclass(frozen=True, slots=True)
class RolePermissionRow:
    """A permission of a role."""

    role_id: RoleId
    id: PermissionId
    slug: str
    name: str
    description: str | None


_FIND_BY_KEY = load_query(__package__, "role_find_by_key", row=StoredRole)
_FIND_LOCKED = load_query(__package__, "role_find_locked", row=StoredRole)
_LIST = load_query(__package__, "role_list", row=RoleRow)
_INSERT = load_statement(__package__, "role_insert")
_UPDATE = load_statement(__package__, "role_update")
_DELETE = load_statement(__package__, "role_delete")
_LIST_PERMISSIONS = load_query(__package__, "role_permission_list", row=RolePermissionRow)
_INSERT_PERMISSION = load_statement(__package__, "role_permission_insert")
_DELETE_PERMISSIONS = load_statement(__package__, "role_permission_delete")
_DELETE_ALL_PERMISSIONS = load_statement(__package__, "role_permission_delete_by_role")
_DELETE_KEY_LINKS = load_statement(__package__, "key_role_delete_by_role")


async def find_by_key(conn: ReadConn, workspace_id: str, key: str) -> StoredRole | None:
    """Return the role with this id or else this name."""
    return await conn.fetch_one(_FIND_BY_KEY, {"workspace_id": workspace_id, "key": key})


async def find_locked(tx: WriteConn, workspace_id: str, role_id: RoleId) -> StoredRole | None:
    """Return the role as it is now, locked."""
    return await tx.fetch_one(_FIND_LOCKED, {"workspace_id": workspace_id, "id": role_id})


async def list_page(
    conn: ReadConn, workspace_id: str, *, cursor: str, pattern: str | None, limit: int
) -> list[RoleRow]:
    """Return at most `limit` roles by ascending id, the first not below `cursor`.

    `pattern` is a LIKE pattern with `!` as its escape; None matches all.
    """
    params = {"workspace_id": workspace_id, "cursor": cursor, "pattern": pattern, "limit": limit}
    return await conn.fetch_all(_LIST, params)


async def with_permissions(conn: ReadConn, workspace_id: str, roles: Sequence[RoleRow | StoredRole]) -> list[Role]:
    """Return the roles together with their permissions, in the same order. One statement, none for no roles."""
    held: dict[RoleId, list[Permission]] = defaultdict(list)
    if roles:
        params = {"workspace_id": workspace_id, "role_ids": [role.id for role in roles]}
        for row in await conn.fetch_all(_LIST_PERMISSIONS, params):
            held[row.role_id].append(Permission(row.id, row.slug, row.name, row.description))
    return [Role(role.id, role.name, role.description, tuple(held[role.id])) for role in roles]


async def insert(tx: WriteConn, role: NewRole) -> None:
    """Insert a role. Raises DuplicateKey when its name is taken."""
    await tx.execute(_INSERT, asdict(role))


async def update(tx: WriteConn, workspace_id: str, role: StoredRole, *, now: UnixMs) -> None:
    """Give a role a new name and description. Raises DuplicateKey when the name is taken."""
    params = asdict(role) | {"workspace_id": workspace_id, "now": now}
    del params["project_id"]
    await tx.execute(_UPDATE, params)


async def delete(tx: WriteConn, workspace_id: str, role_id: RoleId) -> bool:
    """Delete a role with all its links and say whether it was there."""
    params = {"workspace_id": workspace_id, "role_id": role_id}
    await tx.execute(_DELETE_ALL_PERMISSIONS, params)
    await tx.execute(_DELETE_KEY_LINKS, params)
    return (await tx.execute(_DELETE, {"workspace_id": workspace_id, "id": role_id})).affected > 0


async def add_permissions(
    tx: WriteConn, workspace_id: str, role_id: RoleId, permissions: Sequence[Permission], *, now: UnixMs
) -> None:
    """Give permissions to a role with one statement; none, no statement. Hold those that were there before."""
    rows = [
        {"role_id": role_id, "permission_id": permission.id, "workspace_id": workspace_id, "created_at_m": now}
        for permission in permissions
    ]
    await tx.execute_many(_INSERT_PERMISSION, rows)


async def remove_permissions(
    tx: WriteConn, workspace_id: str, role_id: RoleId, permissions: Sequence[Permission]
) -> None:
    """Take permissions from a role with one statement; none, no statement."""
    if permissions:
        ids = [permission.id for permission in permissions]
        await tx.execute(_DELETE_PERMISSIONS, {"workspace_id": workspace_id, "role_id": role_id, "permission_ids": ids})
