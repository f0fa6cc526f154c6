"""Between protobuf and the types of this package."""

from __future__ import annotations

from unkey_proto.unkey.permissions.v2 import permission_pb
from unkey_proto.unkey.permissions.v2 import permissions_pb as pb

from unkey_api.areas.permissions.service.create_permission import CreatePermissionCommand
from unkey_api.areas.permissions.service.create_role import CreateRoleCommand
from unkey_api.areas.permissions.service.set_role_permissions import SetRolePermissionsCommand
from unkey_api.areas.permissions.service.update import UpdatePermissionCommand, UpdateRoleCommand
from unkey_api.areas.permissions.types import Permission, Role, StoredPermission, StoredRole
from unkey_api.core.paging import Page
from unkey_api.rpc.messages import pagination_of


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
