"""Serves unkey.permissions.v2.PermissionsService."""

from __future__ import annotations

from unkey_proto.unkey.permissions.v2 import permissions_pb as pb
from unkey_proto.unkey.permissions.v2.permissions_connect import PermissionsService

from unkey_api.areas.permissions import convert
from unkey_api.areas.permissions.service.create_permission import CreatePermission
from unkey_api.areas.permissions.service.create_role import CreateRole
from unkey_api.areas.permissions.service.delete import DeletePermission, DeleteRole
from unkey_api.areas.permissions.service.read import GetPermission, GetRole, ListPermissions, ListRoles
from unkey_api.areas.permissions.service.set_role_permissions import SetRolePermissions
from unkey_api.areas.permissions.service.update import UpdatePermission, UpdateRole
from unkey_api.rpc.exchange import current_caller
from unkey_api.rpc.messages import page_size
from unkey_api.rpc.method import Context


class PermissionsHandler(PermissionsService):
    """Translates, calls one use case, translates back."""

    def __init__(  # noqa: PLR0913 - one use case per operation, by name
        self,
        *,
        create_permission: CreatePermission,
        get_permission: GetPermission,
        list_permissions: ListPermissions,
        update_permission: UpdatePermission,
        delete_permission: DeletePermission,
        create_role: CreateRole,
        get_role: GetRole,
        list_roles: ListRoles,
        update_role: UpdateRole,
        delete_role: DeleteRole,
        set_role_permissions: SetRolePermissions,
    ) -> None:
        self._create_permission = create_permission
        self._get_permission = get_permission
        self._list_permissions = list_permissions
        self._update_permission = update_permission
        self._delete_permission = delete_permission
        self._create_role = create_role
        self._get_role = get_role
        self._list_roles = list_roles
        self._update_role = update_role
        self._delete_role = delete_role
        self._set_role_permissions = set_role_permissions

    async def create_permission(
        self, request: pb.CreatePermissionRequest, ctx: Context, /
    ) -> pb.CreatePermissionResponse:
        """Create a permission."""
        permission_id = await self._create_permission(current_caller(), convert.to_create_permission(request))
        return pb.CreatePermissionResponse(permission_id=permission_id)

    async def get_permission(self, request: pb.GetPermissionRequest, ctx: Context, /) -> pb.GetPermissionResponse:
        """Show a permission."""
        permission = await self._get_permission(current_caller().principal, request.permission)
        return pb.GetPermissionResponse(permission=convert.from_permission(permission))

    async def list_permissions(self, request: pb.ListPermissionsRequest, ctx: Context, /) -> pb.ListPermissionsResponse:
        """List permissions."""
        page = await self._list_permissions(
            current_caller().principal,
            cursor=request.cursor,
            search=request.search,
            limit=page_size(request),
        )
        return convert.from_permissions_page(page)

    async def update_permission(
        self, request: pb.UpdatePermissionRequest, ctx: Context, /
    ) -> pb.UpdatePermissionResponse:
        """Change a permission."""
        permission = await self._update_permission(current_caller(), convert.to_update_permission(request))
        return pb.UpdatePermissionResponse(permission=convert.from_permission(permission))

    async def delete_permission(
        self, request: pb.DeletePermissionRequest, ctx: Context, /
    ) -> pb.DeletePermissionResponse:
        """Delete a permission."""
        await self._delete_permission(current_caller(), request.permission)
        return pb.DeletePermissionResponse()

    async def create_role(self, request: pb.CreateRoleRequest, ctx: Context, /) -> pb.CreateRoleResponse:
        """Create a role."""
        return pb.CreateRoleResponse(role_id=await self._create_role(current_caller(), convert.to_create_role(request)))

    async def get_role(self, request: pb.GetRoleRequest, ctx: Context, /) -> pb.GetRoleResponse:
        """Show a role."""
        role = await self._get_role(current_caller().principal, request.role)
        return pb.GetRoleResponse(role=convert.from_role(role))

    async def list_roles(self, request: pb.ListRolesRequest, ctx: Context, /) -> pb.ListRolesResponse:
        """List roles."""
        page = await self._list_roles(
            current_caller().principal,
            cursor=request.cursor,
            search=request.search,
            limit=page_size(request),
        )
        return convert.from_roles_page(page)

    async def update_role(self, request: pb.UpdateRoleRequest, ctx: Context, /) -> pb.UpdateRoleResponse:
        """Change a role."""
        role = await self._update_role(current_caller(), convert.to_update_role(request))
        return convert.from_updated_role(role)

    async def delete_role(self, request: pb.DeleteRoleRequest, ctx: Context, /) -> pb.DeleteRoleResponse:
        """Delete a role."""
        await self._delete_role(current_caller(), request.role)
        return pb.DeleteRoleResponse()

    async def set_role_permissions(
        self, request: pb.SetRolePermissionsRequest, ctx: Context, /
    ) -> pb.SetRolePermissionsResponse:
        """Replace the permissions of a role."""
        permissions = await self._set_role_permissions(current_caller(), convert.to_set_role_permissions(request))
        return pb.SetRolePermissionsResponse(permissions=[convert.from_permission(item) for item in permissions])
