"""Change permissions and roles."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from unkey_api.areas.parts import Parts
from unkey_api.areas.permissions import permission_queries, requirements, role_queries
from unkey_api.areas.permissions.errors import (
    PermissionAlreadyExists,
    RoleAlreadyExists,
    UnknownPermission,
    UnknownRole,
)
from unkey_api.areas.permissions.events import permission_event, permission_meta, role_event, role_meta
from unkey_api.areas.permissions.types import StoredPermission, StoredRole
from unkey_api.audit.changes import changed_members
from unkey_api.audit.types import AuditAction
from unkey_api.core.changes import permission_changed, role_changed
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import DuplicateKey, Transaction


class UpdatePermissionCommand(NamedTuple):
    """What to change. None leaves things as they are."""

    permission: str
    """Id or present slug."""
    name: str | None
    slug: str | None
    description: str | None
    """Empty removes it."""


class UpdateRoleCommand(NamedTuple):
    """What to change. None leaves things as they are."""

    role: str
    """Id or present name."""
    name: str | None
    description: str | None
    """Empty removes it."""


class UpdatePermission:
    """Changes a permission. Roles and keys that have it keep it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: UpdatePermissionCommand) -> StoredPermission:
        """Change the permission and return it as it is then; with nothing to change nothing is written.

        Raises:
            UnknownPermission: There is none. Tells even callers without permission.
            InsufficientPermissions: The caller may not change it.
            PermissionAlreadyExists: Another permission has the slug, in whatever letter case.
            StoreUnavailable: Nothing was changed.
        """
        workspace_id = caller.principal.workspace_id
        found = await permission_queries.find_by_key(self._parts.database.primary, workspace_id, command.permission)
        if found is None:
            raise UnknownPermission
        needed = requirements.update_permission(workspace_id, found.project_id, found.id)
        require(caller.principal.permissions, needed)
        if command.name is None and command.slug is None and command.description is None:
            return found
        now = self._parts.now()

        async def work(tx: Transaction) -> StoredPermission:
            stored = await permission_queries.find_locked(tx, workspace_id, found.id)
            if stored is None:
                raise UnknownPermission
            changed = _changed_permission(stored, command)
            try:
                await permission_queries.update(tx, workspace_id, changed, now=now)
            except DuplicateKey as err:
                raise PermissionAlreadyExists(changed.slug) from err
            event = permission_event(AuditAction.PERMISSION_UPDATE, f"Updated {changed.id}", changed)
            told = changed_members(permission_meta(stored), permission_meta(changed))
            await self._parts.audit.record(tx, caller, [replace(event, meta=told)])
            # Under both names: keys have it by the old one, and who was told that the new one is absent must ask again.
            tx.tell(permission_changed(workspace_id, stored.slug), permission_changed(workspace_id, changed.slug))
            return changed

        return await self._parts.database.transaction("permissions.update", work)


class UpdateRole:
    """Changes name and description of a role. Its permissions and keys stay."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: UpdateRoleCommand) -> StoredRole:
        """Change the role and return it as it is then; with nothing to change nothing is written.

        Raises:
            UnknownRole: There is none. Tells even callers without permission.
            InsufficientPermissions: The caller may not change it.
            RoleAlreadyExists: Another role has the name, in whatever letter case.
            StoreUnavailable: Nothing was changed.
        """
        workspace_id = caller.principal.workspace_id
        found = await role_queries.find_by_key(self._parts.database.primary, workspace_id, command.role)
        if found is None:
            raise UnknownRole
        require(caller.principal.permissions, requirements.update_role(workspace_id, found.project_id, found.id))
        if command.name is None and command.description is None:
            return found
        now = self._parts.now()

        async def work(tx: Transaction) -> StoredRole:
            stored = await role_queries.find_locked(tx, workspace_id, found.id)
            if stored is None:
                raise UnknownRole
            changed = _changed_role(stored, command)
            try:
                await role_queries.update(tx, workspace_id, changed, now=now)
            except DuplicateKey as err:
                raise RoleAlreadyExists(changed.name) from err
            event = role_event(AuditAction.ROLE_UPDATE, f"Updated {changed.id}", changed)
            told = changed_members(role_meta(stored), role_meta(changed))
            await self._parts.audit.record(tx, caller, [replace(event, meta=told)])
            tx.tell(role_changed(workspace_id, stored.name), role_changed(workspace_id, changed.name))
            return changed

        return await self._parts.database.transaction("permissions.update_role", work)


def _changed_permission(stored: StoredPermission, command: UpdatePermissionCommand) -> StoredPermission:
    return replace(
        stored,
        name=stored.name if command.name is None else command.name,
        slug=stored.slug if command.slug is None else command.slug,
        description=_changed_description(stored.description, command.description),
    )


def _changed_role(stored: StoredRole, command: UpdateRoleCommand) -> StoredRole:
    return replace(
        stored,
        name=stored.name if command.name is None else command.name,
        description=_changed_description(stored.description, command.description),
    )


def _changed_description(stored: str | None, wanted: str | None) -> str | None:
    return stored if wanted is None else wanted or None
