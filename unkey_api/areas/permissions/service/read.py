"""Show permissions and roles."""

from __future__ import annotations

from unkey_api.areas.permissions import permission_queries, requirements, role_queries
from unkey_api.areas.permissions.errors import UnknownPermission, UnknownRole
from unkey_api.areas.permissions.types import Permission, Role
from unkey_api.core.needs import ANY
from unkey_api.core.paging import Page, cut_page, substring_pattern
from unkey_api.core.principal import Principal
from unkey_api.core.rbac import require, require_unseen
from unkey_api.infra.mysql import ReadsOf


class GetPermission:
    """Shows one permission."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, key: str) -> Permission:
        """Return the permission with this id, else the one with this slug in whatever letter case.

        Raises:
            InsufficientPermissions: The caller may not read permissions.
            UnknownPermission: There is none.
            StoreUnavailable: It could not be read.
        """
        workspace_id = principal.workspace_id
        found = await require_unseen(
            principal.permissions,
            lambda: permission_queries.find_by_key(self._reads_of(workspace_id), workspace_id, key),
            lambda row: requirements.on_permission(workspace_id, "read_permission", row.id if row else ANY),
        )
        if found is None:
            raise UnknownPermission
        return Permission(found.id, found.slug, found.name, found.description)


class ListPermissions:
    """Lists the permissions of a workspace."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, *, cursor: str, search: str, limit: int) -> Page[Permission]:
        """Return at most `limit` permissions by ascending id, the first not below `cursor`.

        `search` is part of id, name, slug or description in whatever letter case; blank means all.

        Raises:
            InsufficientPermissions: The caller may not read permissions.
            StoreUnavailable: They could not be read.
        """
        require(principal.permissions, requirements.on_permission(principal.workspace_id, "read_permission"))
        rows = await permission_queries.list_page(
            self._reads_of(principal.workspace_id),
            principal.workspace_id,
            cursor=cursor,
            pattern=substring_pattern(search),
            limit=limit + 1,
        )
        return cut_page(rows, limit=limit, id_of=lambda row: row.id)


class GetRole:
    """Shows one role."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, key: str) -> Role:
        """Return the role with this id, else the one with this name in whatever letter case.

        Raises:
            InsufficientPermissions: The caller may not read roles.
            UnknownRole: There is none.
            StoreUnavailable: It could not be read.
        """
        workspace_id = principal.workspace_id
        conn = self._reads_of(workspace_id)
        found = await require_unseen(
            principal.permissions,
            lambda: role_queries.find_by_key(conn, workspace_id, key),
            lambda row: requirements.on_role(workspace_id, "read_role", row.id if row else ANY),
        )
        if found is None:
            raise UnknownRole
        return (await role_queries.with_permissions(conn, workspace_id, [found]))[0]


class ListRoles:
    """Lists the roles of a workspace."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, *, cursor: str, search: str, limit: int) -> Page[Role]:
        """Return at most `limit` roles by ascending id, the first not below `cursor`, with two statements.

        `search` is part of id, name or description in whatever letter case; blank means all.

        Raises:
            InsufficientPermissions: The caller may not read roles.
            StoreUnavailable: They could not be read.
        """
        require(principal.permissions, requirements.on_role(principal.workspace_id, "read_role"))
        conn = self._reads_of(principal.workspace_id)
        rows = await role_queries.list_page(
            conn,
            principal.workspace_id,
            cursor=cursor,
            pattern=substring_pattern(search),
            limit=limit + 1,
        )
        page = cut_page(rows, limit=limit, id_of=lambda row: row.id)
        roles = await role_queries.with_permissions(conn, principal.workspace_id, page.items)
        return Page(roles, page.next_cursor)
