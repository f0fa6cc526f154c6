"""Roles by name, as the use cases about roles of keys need them."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.permissions import queries
from unkey_api.areas.permissions.errors import RoleNotFound
from unkey_api.areas.permissions.types import Role
from unkey_api.infra.mysql import ReadConn


async def get_roles(conn: ReadConn, workspace_id: str, names: Sequence[str]) -> list[Role]:
    """Return the roles of these names with their permissions, in their order, repetitions once.

    Raises:
        RoleNotFound: One does not exist; the first in order is named.
    """
    wanted = tuple(dict.fromkeys(names))
    found = {role.name: role for role in await queries.list_roles_with_permissions(conn, workspace_id, wanted)}
    for name in wanted:
        if name not in found:
            raise RoleNotFound(name)
    return [found[name] for name in wanted]
