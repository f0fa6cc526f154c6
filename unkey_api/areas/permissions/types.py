"""What permissions and roles are to the rest of the service, and what can go wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.core.errors import AppError, ErrorCode
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


class RoleNotFound(AppError):
    """The workspace has no role of exactly this name."""

    code = ErrorCode.DATA_ROLE_NOT_FOUND

    def __init__(self, name: str) -> None:
        super().__init__(f"Role '{name}' was not found.")


class PermissionNotFound(AppError):
    """The workspace has no permission of exactly this slug."""

    code = ErrorCode.DATA_PERMISSION_NOT_FOUND

    def __init__(self, slug: str) -> None:
        super().__init__(f"Permission '{slug}' was not found.")


class PermissionDiffersInCase(AppError):
    """A permission cannot be created, because one exists whose slug is the same but for letter case."""

    code = ErrorCode.DATA_PERMISSION_ALREADY_EXISTS

    def __init__(self, slug: str) -> None:
        super().__init__(f"A permission exists whose slug differs from '{slug}' only in letter case or accents.")
        self.slug = slug


class RoleDiffersInCase(AppError):
    """A role cannot be created, because one exists whose name is the same but for letter case."""

    code = ErrorCode.DATA_ROLE_ALREADY_EXISTS

    def __init__(self, name: str) -> None:
        super().__init__(f"A role exists whose name differs from '{name}' only in letter case or accents.")
        self.name = name


class UnknownPermission(AppError):
    """No such permission, or one of another workspace."""

    code = ErrorCode.DATA_PERMISSION_NOT_FOUND
    sentence = "The requested permission does not exist."


class UnknownRole(AppError):
    """No such role, or one of another workspace."""

    code = ErrorCode.DATA_ROLE_NOT_FOUND
    sentence = "The requested role does not exist."


class PermissionAlreadyExists(AppError):
    """The slug is taken, in whatever letter case."""

    code = ErrorCode.DATA_PERMISSION_ALREADY_EXISTS

    def __init__(self, slug: str) -> None:
        super().__init__(f"A permission with slug '{slug}' already exists in this workspace")


class RoleAlreadyExists(AppError):
    """The name is taken, in whatever letter case."""

    code = ErrorCode.DATA_ROLE_ALREADY_EXISTS

    def __init__(self, name: str) -> None:
        super().__init__(f"A role with name '{name}' already exists in this workspace")
