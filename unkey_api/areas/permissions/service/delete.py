"""Delete permissions and roles."""

from __future__ import annotations

from unkey_api.areas.parts import Parts
from unkey_api.areas.permissions import permission_queries, requirements, role_queries
from unkey_api.areas.permissions.errors import UnknownPermission, UnknownRole
from unkey_api.areas.permissions.events import permission_event, role_event
from unkey_api.audit.types import AuditAction
from unkey_api.core.changes import permission_changed, role_changed
from unkey_api.core.needs import ANY
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require_unseen
from unkey_api.infra.mysql import Transaction


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
        found = await require_unseen(
            caller.principal.permissions,
            lambda: permission_queries.find_by_key(self._parts.database.primary, workspace_id, key),
            lambda row: requirements.on_permission(workspace_id, "delete_permission", row.id if row else ANY),
        )
        if found is None:
            raise UnknownPermission

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


class DeleteRole:
    """Deletes a role and takes it from all keys. The permissions it had stay."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key: str) -> None:
        """Delete the role with this id, else the one with this name. Repeating it raises UnknownRole.

        Raises:
            InsufficientPermissions: The caller may not delete roles.
            UnknownRole: There is none, or no longer.
            StoreUnavailable: Nothing was changed.
        """
        workspace_id = caller.principal.workspace_id
        found = await require_unseen(
            caller.principal.permissions,
            lambda: role_queries.find_by_key(self._parts.database.primary, workspace_id, key),
            lambda row: requirements.on_role(workspace_id, "delete_role", row.id if row else ANY),
        )
        if found is None:
            raise UnknownRole

        async def work(tx: Transaction) -> None:
            stored = await role_queries.find_locked(tx, workspace_id, found.id)
            if stored is None:
                raise UnknownRole
            await role_queries.delete(tx, workspace_id, stored.id)
            event = role_event(AuditAction.ROLE_DELETE, f"Deleted {stored.id}", stored)
            await self._parts.audit.record(tx, caller, [event])
            tx.tell(role_changed(workspace_id, stored.name))

        await self._parts.database.transaction("permissions.delete_role", work)
