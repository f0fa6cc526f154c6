"""Create, show, change and delete permissions."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from unkey_api.areas.parts import Parts
from unkey_api.areas.permissions import permission_queries, requirements
from unkey_api.areas.permissions.events import permission_event, permission_meta
from unkey_api.areas.permissions.queries import NewPermission
from unkey_api.areas.permissions.types import (
    Permission,
    PermissionAlreadyExists,
    StoredPermission,
    UnknownPermission,
)
from unkey_api.audit.service import changed_members
from unkey_api.audit.types import AuditAction
from unkey_api.core.changes import permission_changed
from unkey_api.core.ids import IdPrefix, PermissionId
from unkey_api.core.needs import ANY
from unkey_api.core.paging import Page, cut_page, substring_pattern
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.rbac import require, require_found
from unkey_api.infra.mysql import DuplicateKey, ReadsOf, Transaction


class CreatePermissionCommand(NamedTuple):
    """A permission to create."""

    name: str
    slug: str
    description: str
    """Empty for none."""


class CreatePermission:
    """Creates a permission."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: CreatePermissionCommand) -> PermissionId:
        """Create the permission and return its id.

        Raises:
            InsufficientPermissions: The caller may not create permissions.
            PermissionAlreadyExists: The slug is taken, in whatever letter case.
            StoreUnavailable: Nothing was created.
        """
        require(caller.principal.permissions, requirements.create_permission(caller.principal.workspace_id))
        permission_id = PermissionId(self._parts.ids.new(IdPrefix.PERMISSION))
        now = self._parts.now()
        name, slug, description = command.name, command.slug, command.description or None
        workspace_id = caller.principal.workspace_id

        async def work(tx: Transaction) -> None:
            project_id = await self._parts.projects.ensure(tx, workspace_id)
            row = NewPermission(permission_id, workspace_id, project_id, name, slug, description, now)
            try:
                await permission_queries.insert(tx, row)
            except DuplicateKey as err:
                raise PermissionAlreadyExists(slug) from err
            created = Permission(permission_id, slug, name, description)
            event = permission_event(AuditAction.PERMISSION_CREATE, f"Created {permission_id}", created)
            await self._parts.audit.record(tx, caller, [event])
            tx.tell(permission_changed(workspace_id, slug))

        await self._parts.database.transaction("permissions.create", work)
        return permission_id


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
        found = await require_found(
            principal.permissions,
            lambda: permission_queries.find_by_key(self._reads_of(workspace_id), workspace_id, key),
            lambda row: requirements.on_permission(workspace_id, "read_permission", row.id if row else ANY),
            UnknownPermission,
        )
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


class UpdatePermissionCommand(NamedTuple):
    """What to change. None leaves things as they are."""

    permission: str
    """Id or present slug."""
    name: str | None
    slug: str | None
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


def _changed_permission(stored: StoredPermission, command: UpdatePermissionCommand) -> StoredPermission:
    return replace(
        stored,
        name=stored.name if command.name is None else command.name,
        slug=stored.slug if command.slug is None else command.slug,
        description=described(stored.description, command.description),
    )


def described(stored: str | None, wanted: str | None) -> str | None:
    """Return the description after an update: None leaves it, an empty text removes it."""
    return stored if wanted is None else wanted or None


class DeletePermission:
    """Deletes a permission and takes it from all roles and keys."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key: str) -> None:
        """Delete the permission with this id, else the one with this slug. Repeating it raises UnknownPermission.

        Raises:
            InsufficientPermissions: The caller may not delete permissions.
            UnknownPermission: There is none, or no longer.
            StoreUnavailable: Nothing was changed.
        """
        workspace_id = caller.principal.workspace_id
        found = await require_found(
            caller.principal.permissions,
            lambda: permission_queries.find_by_key(self._parts.database.primary, workspace_id, key),
            lambda row: requirements.on_permission(workspace_id, "delete_permission", row.id if row else ANY),
            UnknownPermission,
        )

        async def work(tx: Transaction) -> None:
            stored = await permission_queries.find_locked(tx, workspace_id, found.id)
            if stored is None:
                raise UnknownPermission
            await permission_queries.delete_links(tx, workspace_id, stored.id)
            await permission_queries.delete(tx, workspace_id, stored.id)
            event = permission_event(AuditAction.PERMISSION_DELETE, f"Deleted {stored.id}", stored)
            await self._parts.audit.record(tx, caller, [event])
            tx.tell(permission_changed(workspace_id, stored.slug))

        await self._parts.database.transaction("permissions.delete", work)
