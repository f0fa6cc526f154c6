"""What a caller needs for an operation on permissions and roles.

URNs name them directly under `rbac/`; changing one also takes the newer form, below its project.
"""

from __future__ import annotations

from unkey_api.core.needs import ANY, PERMISSION, PROJECT, ROLE, WORKSPACE, Need, Operations
from unkey_api.core.rbac import Requirement, all_of, any_of, or_else, tuple_, urn


def create_permission(workspace_id: str) -> Requirement:
    """Return what creating a permission by itself, or for a new role, needs."""
    return or_else(tuple_("rbac", "*", "create_permission"), _permissions(workspace_id, "create_permission"))


def create_missing_permissions(workspace_id: str) -> Requirement:
    """Return what naming permissions that do not exist needs, where something existing is to get them."""
    return any_of(_permissions(workspace_id, "create_permission"), tuple_("rbac", "*", "create_permission"))


def on_permission(workspace_id: str, action: str, permission_id: str = ANY) -> Requirement:
    """Return what reading or deleting a permission needs; without its id, what doing it to whichever needs."""
    stated = any_of(tuple_("rbac", "*", action))
    return or_else(stated, _permissions(workspace_id, action, permission_id))


def update_permission(workspace_id: str, project_id: str, permission_id: str) -> Requirement:
    """Return what changing a permission needs."""
    path = f"rbac/permissions/{permission_id}"
    return _update(workspace_id, project_id, path, "update_permission")


def create_role(workspace_id: str) -> Requirement:
    """Return what creating a role needs."""
    return or_else(any_of(tuple_("rbac", "*", "create_role")), _roles(workspace_id, "create_role"))


def add_to_new_role(workspace_id: str) -> Requirement:
    """Return what giving permissions to a role that is being created needs."""
    action = "add_permission_to_role"
    return or_else(tuple_("rbac", "*", action), _roles(workspace_id, action))


def on_role(workspace_id: str, action: str, role_id: str = ANY) -> Requirement:
    """Return what reading or deleting a role needs; without its id, what doing it to whichever needs."""
    return or_else(any_of(tuple_("rbac", "*", action)), _roles(workspace_id, action, role_id))


def update_role(workspace_id: str, project_id: str, role_id: str) -> Requirement:
    """Return what changing name and description of a role needs."""
    return _update(workspace_id, project_id, f"rbac/roles/{role_id}", "update_role")


def set_role_permissions(workspace_id: str, role_id: str = ANY) -> Requirement:
    """Return what replacing the permissions of a role needs; without its id, of whichever."""
    actions = "add_permission_to_role", "remove_permission_from_role"
    return or_else(
        all_of(*(tuple_("rbac", "*", action) for action in actions)),
        all_of(*(_roles(workspace_id, action, role_id) for action in actions)),
    )


def _update(workspace_id: str, project_id: str, path: str, action: str) -> Requirement:
    return or_else(
        any_of(urn(workspace_id, f"projects/{project_id}/{path}", "write"), tuple_("rbac", "*", action)),
        urn(workspace_id, path, action),
    )


def _permissions(workspace_id: str, action: str, permission_id: str = ANY) -> Requirement:
    return urn(workspace_id, f"rbac/permissions/{permission_id}", action)


def _roles(workspace_id: str, action: str, role_id: str = ANY) -> Requirement:
    return urn(workspace_id, f"rbac/roles/{role_id}", action)


_MISSING = "when a permission is named that does not exist yet"

OPERATIONS: Operations = {
    "permissions.createPermission": (Need(create_permission(WORKSPACE)),),
    "permissions.getPermission": (Need(on_permission(WORKSPACE, "read_permission", PERMISSION)),),
    "permissions.listPermissions": (Need(on_permission(WORKSPACE, "read_permission")),),
    "permissions.updatePermission": (Need(update_permission(WORKSPACE, PROJECT, PERMISSION)),),
    "permissions.deletePermission": (Need(on_permission(WORKSPACE, "delete_permission", PERMISSION)),),
    "permissions.createRole": (
        Need(create_role(WORKSPACE)),
        Need(add_to_new_role(WORKSPACE), "when `permissions` names any"),
        Need(create_permission(WORKSPACE), _MISSING),
    ),
    "permissions.getRole": (Need(on_role(WORKSPACE, "read_role", ROLE)),),
    "permissions.listRoles": (Need(on_role(WORKSPACE, "read_role")),),
    "permissions.updateRole": (Need(update_role(WORKSPACE, PROJECT, ROLE)),),
    "permissions.deleteRole": (Need(on_role(WORKSPACE, "delete_role", ROLE)),),
    "permissions.setRolePermissions": (
        Need(set_role_permissions(WORKSPACE, ROLE)),
        Need(create_missing_permissions(WORKSPACE), _MISSING),
    ),
}
