"""Puts the area together."""

from __future__ import annotations

from unkey_proto.unkey.permissions.v2.permissions_connect import PermissionsService, PermissionsServiceASGIApplication

from unkey_api.areas.permissions.handler import PermissionsHandler
from unkey_api.areas.permissions.requirements import OPERATIONS
from unkey_api.areas.permissions.service.permissions import (
    CreatePermission,
    DeletePermission,
    GetPermission,
    ListPermissions,
    UpdatePermission,
)
from unkey_api.areas.permissions.service.roles import (
    CreateRole,
    DeleteRole,
    GetRole,
    ListRoles,
    SetRolePermissions,
    UpdateRole,
)
from unkey_api.areas.shared import Area, Shared


def _build(shared: Shared) -> PermissionsHandler:
    parts, reads_of = shared.parts, shared.parts.database.reads_of
    return PermissionsHandler(
        create_permission=CreatePermission(parts),
        get_permission=GetPermission(reads_of),
        list_permissions=ListPermissions(reads_of),
        update_permission=UpdatePermission(parts),
        delete_permission=DeletePermission(parts),
        create_role=CreateRole(parts),
        get_role=GetRole(reads_of),
        list_roles=ListRoles(reads_of),
        update_role=UpdateRole(parts),
        delete_role=DeleteRole(parts),
        set_role_permissions=SetRolePermissions(parts),
    )


AREA = Area(PermissionsService, PermissionsServiceASGIApplication, PermissionsHandler, _build, OPERATIONS)
