"""What permissions and roles are to the rest of the service."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.core.ids import PermissionId, ProjectId, RoleId


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission of a workspace."""

    id: PermissionId
    slug: str
    """What verification compares."""
    name: str
    """What people see."""
    description: str | None


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a workspace."""

    id: RoleId
    name: str
    description: str | None
    permissions: tuple[Permission, ...] = ()
    """Empty also where a use case does not ask for them."""


@dataclass(frozen=True, slots=True)
class StoredPermission:
    """A permission with the project it belongs to."""

    id: PermissionId
    project_id: ProjectId
    slug: str
    name: str
    description: str | None


@dataclass(frozen=True, slots=True)
class StoredRole:
    """A role with the project it belongs to, without its permissions."""

    id: RoleId
    project_id: ProjectId
    name: str
    description: str | None
