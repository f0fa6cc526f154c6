"""Giving a new key its permissions and roles."""

from __future__ import annotations

from collections.abc import Iterable

from unkey_api.areas.keys import queries
from unkey_api.areas.permissions import queries as permission_queries
from unkey_api.areas.permissions.ensure import ensure_permissions
from unkey_api.areas.permissions.errors import RoleNotFound
from unkey_api.areas.permissions.queries import NewPermission, RoleRow
from unkey_api.areas.permissions.types import Permission
from unkey_api.core.columns import UnixMs
from unkey_api.infra.mysql import WriteConn


async def grant_permissions(
    tx: WriteConn, workspace_id: str, key_id: str, wanted: dict[str, NewPermission], *, now: UnixMs
) -> tuple[Permission, ...]:
    """Link the key to permissions, creating missing ones, and return them in the order wanted. None, no statement."""
    if not wanted:
        return ()
    permissions = (await ensure_permissions(tx, workspace_id, wanted)).all
    await queries.link_permissions(tx, workspace_id, [(key_id, permission.id) for permission in permissions], now=now)
    return permissions


async def find_roles(tx: WriteConn, workspace_id: str, names: Iterable[str]) -> list[RoleRow]:
    """Return the roles of these names in their order, repetitions once. No names, no statement.

    Raises:
        RoleNotFound: One does not exist; the first in order is named.
    """
    wanted = tuple(dict.fromkeys(names))
    found = {role.name: role for role in await permission_queries.list_roles(tx, workspace_id, wanted)}
    for name in wanted:
        if name not in found:
            raise RoleNotFound(name)
    return [found[name] for name in wanted]


async def grant_roles(
    tx: WriteConn, workspace_id: str, key_id: str, names: Iterable[str], *, now: UnixMs
) -> list[RoleRow]:
    """Link the key to roles and return them in their order. Raises RoleNotFound; then roll back."""
    roles = await find_roles(tx, workspace_id, names)
    await queries.link_roles(tx, workspace_id, [(key_id, role.id) for role in roles], now=now)
    return roles
