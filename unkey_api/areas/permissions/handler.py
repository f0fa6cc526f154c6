"""Serves unkey.permissions.v2.PermissionsService."""

from __future__ import annotations

from unkey_proto.unkey.permissions.v2 import permission_pb
from unkey_proto.unkey.permissions.v2 import permissions_pb as pb
from unkey_proto.unkey.permissions.v2.permissions_connect import PermissionsService

from unkey_api.areas.permissions.service.permissions import (
    CreatePermission,
    CreatePermissionCommand,
    DeletePermission,
    GetPermission,
    ListPermissions,
    UpdatePermission,
    UpdatePermissionCommand,
)
from unkey_api.areas.permissions.service.roles import (
    CreateRole,
    CreateRoleCommand,
    DeleteRole,
    GetRole,
    ListRoles,
    SetRolePermissions,
    SetRolePermissionsCommand,
    UpdateRole,
    UpdateRoleCommand,
)
from unkey_api.areas.permissions.types import Permission, Role, StoredPermission, StoredRole
from unkey_api.core.paging import Page
from unkey_api.rpc.exchange import current_caller
from unkey_api.rpc.messages import page_size, pagination_of
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
        permission_id = await self._create_permission(current_caller(), to_create_permission(request))
        return pb.CreatePermissionResponse(permission_id=permission_id)

    async def get_permission(self, request: pb.GetPermissionRequest, ctx: Context, /) -> pb.GetPermissionResponse:
        """Show a permission."""
        permission = await self._get_permission(current_caller().principal, request.permission)
        return pb.GetPermissionResponse(permission=from_permission(permission))

    async def list_permissions(self, request: pb.ListPermissionsRequest, ctx: Context, /) -> pb.ListPermissionsResponse:
        """List permissions."""
        page = await self._list_permissions(
            current_caller().principal,
            cursor=request.cursor,
            search=request.search,
            limit=page_size(request),
        )
        return from_permissions_page(page)

    async def update_permission(
        self, request: pb.UpdatePermissionRequest, ctx: Context, /
    ) -> pb.UpdatePermissionResponse:
        """Change a permission."""
        permission = await self._update_permission(current_caller(), to_update_permission(request))
        return pb.UpdatePermissionResponse(permission=from_permission(permission))

    async def delete_permission(
        self, request: pb.DeletePermissionRequest, ctx: Context, /
    ) -> pb.DeletePermissionResponse:
        """Delete a permission."""
        await self._delete_permission(current_caller(), request.permission)
        return pb.DeletePermissionResponse()

    async def create_role(self, request: pb.CreateRoleRequest, ctx: Context, /) -> pb.CreateRoleResponse:
        """Create a role."""
        return pb.CreateRoleResponse(role_id=await self._create_role(current_caller(), to_create_role(request)))

    async def get_role(self, request: pb.GetRoleRequest, ctx: Context, /) -> pb.GetRoleResponse:
        """Show a role."""
        role = await self._get_role(current_caller().principal, request.role)
        return pb.GetRoleResponse(role=from_role(role))

    async def list_roles(self, request: pb.ListRolesRequest, ctx: Context, /) -> pb.ListRolesResponse:
        """List roles."""
        page = await self._list_roles(
            current_caller().principal,
            cursor=request.cursor,
            search=request.search,
            limit=page_size(request),
        )
        return from_roles_page(page)

    async def update_role(self, request: pb.UpdateRoleRequest, ctx: Context, /) -> pb.UpdateRoleResponse:
        """Change a role."""
        role = await self._update_role(current_caller(), to_update_role(request))
        return from_updated_role(role)

    async def delete_role(self, request: pb.DeleteRoleRequest, ctx: Context, /) -> pb.DeleteRoleResponse:
        """Delete a role."""
        await self._delete_role(current_caller(), request.role)
        return pb.DeleteRoleResponse()

    async def set_role_permissions(
        self, request: pb.SetRolePermissionsRequest, ctx: Context, /
    ) -> pb.SetRolePermissionsResponse:
        """Replace the permissions of a role."""
        permissions = await self._set_role_permissions(current_caller(), to_set_role_permissions(request))
        return pb.SetRolePermissionsResponse(permissions=[from_permission(item) for item in permissions])


def to_create_permission(request: pb.CreatePermissionRequest) -> CreatePermissionCommand:
    """Read a request to create a permission."""
    return CreatePermissionCommand(request.name, request.slug, request.description)


def to_update_permission(request: pb.UpdatePermissionRequest) -> UpdatePermissionCommand:
    """Read a request to change a permission."""
    return UpdatePermissionCommand(
        permission=request.permission,
        name=request.name if request.has_field("name") else None,
        slug=request.slug if request.has_field("slug") else None,
        description=_to_description(request),
    )


def to_create_role(request: pb.CreateRoleRequest) -> CreateRoleCommand:
    """Read a request to create a role."""
    return CreateRoleCommand(request.name, request.description, tuple(request.permissions))


def to_update_role(request: pb.UpdateRoleRequest) -> UpdateRoleCommand:
    """Read a request to change a role."""
    name = request.name if request.has_field("name") else None
    return UpdateRoleCommand(request.role, name, _to_description(request))


def to_set_role_permissions(request: pb.SetRolePermissionsRequest) -> SetRolePermissionsCommand:
    """Read a request to replace a role's permissions; exactly one of the two names of the role is set."""
    role = request.role if request.has_field("role") else request.role_id
    return SetRolePermissionsCommand(role, tuple(request.permissions))


def from_permission(permission: Permission | StoredPermission) -> permission_pb.Permission:
    """Return a permission as it is shown."""
    return permission_pb.Permission(
        id=permission.id,
        name=permission.name,
        slug=permission.slug,
        description=permission.description or "",
    )


def from_role(role: Role) -> permission_pb.Role:
    """Return a role as it is shown."""
    return permission_pb.Role(
        id=role.id,
        name=role.name,
        description=role.description or "",
        permissions=[from_permission(permission) for permission in role.permissions],
    )


def from_updated_role(role: StoredRole) -> pb.UpdateRoleResponse:
    """Return the answer that shows a changed role."""
    return pb.UpdateRoleResponse(id=role.id, name=role.name, description=role.description or "")


def from_permissions_page(page: Page[Permission]) -> pb.ListPermissionsResponse:
    """Return one page of permissions."""
    return pb.ListPermissionsResponse(
        permissions=[from_permission(item) for item in page.items], pagination=pagination_of(page)
    )


def from_roles_page(page: Page[Role]) -> pb.ListRolesResponse:
    """Return one page of roles."""
    return pb.ListRolesResponse(roles=[from_role(item) for item in page.items], pagination=pagination_of(page))


def _to_description(request: pb.UpdatePermissionRequest | pb.UpdateRoleRequest) -> str | None:
    """Return the new description, empty to remove it, None to leave it."""
    if request.null_fields is not None and "description" in request.null_fields.paths:
        return ""
    return request.description if request.has_field("description") else None
