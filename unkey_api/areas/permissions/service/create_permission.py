"""Create a permission."""

from __future__ import annotations

from typing import NamedTuple

from unkey_api.areas.parts import Parts
from unkey_api.areas.permissions import permission_queries, requirements
from unkey_api.areas.permissions.errors import PermissionAlreadyExists
from unkey_api.areas.permissions.events import permission_event
from unkey_api.areas.permissions.queries import NewPermission
from unkey_api.areas.permissions.types import Permission
from unkey_api.audit.types import AuditAction
from unkey_api.core.changes import permission_changed
from unkey_api.core.ids import IdPrefix, PermissionId
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import DuplicateKey, Transaction


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
