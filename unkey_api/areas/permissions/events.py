"""Audit entries about permissions and roles."""

from __future__ import annotations

from collections.abc import Mapping

from unkey_api.areas.permissions.types import Permission, StoredPermission, StoredRole
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType


def permission_event(action: AuditAction, description: str, permission: StoredPermission | Permission) -> AuditEvent:
    """Return an entry about a permission that tells all of it."""
    return AuditEvent(action, description, (permission_target(permission, permission_meta(permission)),))


def role_event(action: AuditAction, description: str, role: StoredRole) -> AuditEvent:
    """Return an entry about a role that tells all of it."""
    return AuditEvent(action, description, (role_target(role, role_meta(role)),))


def connected(role: AuditTarget, permission: Permission) -> AuditEvent:
    """Return an entry about a permission given to a role."""
    description = f"Added permission {permission.name} to role {role.name}"
    targets = (role, permission_target(permission, {}))
    return AuditEvent(AuditAction.AUTHORIZATION_CONNECT_ROLE_AND_PERMISSION, description, targets)


def disconnected(role: AuditTarget, permission: Permission) -> AuditEvent:
    """Return an entry about a permission taken from a role."""
    description = f"Removed permission {permission.name} from role {role.name}"
    targets = (role, permission_target(permission, {}))
    return AuditEvent(AuditAction.AUTHORIZATION_DISCONNECT_ROLE_AND_PERMISSIONS, description, targets)


def created_on_the_way(permission: Permission, meta: Mapping[str, object]) -> AuditEvent:
    """Return an entry about a permission that was created because a role was to have it."""
    description = f"Created {permission.slug} ({permission.id})"
    return AuditEvent(AuditAction.PERMISSION_CREATE, description, (permission_target(permission, meta),))


def permission_meta(permission: StoredPermission | Permission) -> Mapping[str, object]:
    """Return what an entry tells about a permission."""
    return {"name": permission.name, "slug": permission.slug, "description": permission.description or ""}


def role_meta(role: StoredRole) -> Mapping[str, object]:
    """Return what an entry tells about a role."""
    return {"name": role.name, "description": role.description or ""}


def role_target(role: StoredRole, meta: Mapping[str, object]) -> AuditTarget:
    """Return the role as the target of an entry."""
    return AuditTarget(TargetType.ROLE, role.id, role.name, meta)


def permission_target(permission: StoredPermission | Permission, meta: Mapping[str, object]) -> AuditTarget:
    """Return the permission as the target of an entry."""
    return AuditTarget(TargetType.PERMISSION, permission.id, permission.name, meta)
