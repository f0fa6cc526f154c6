"""Replace the permissions of a role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from unkey_api.areas.parts import Parts
from unkey_api.areas.permissions import requirements, role_queries
from unkey_api.areas.permissions.ensure import Ensured, distinct_slugs, ensure_permissions, new_permissions
from unkey_api.areas.permissions.errors import UnknownRole
from unkey_api.areas.permissions.events import connected, created_on_the_way, disconnected, role_target
from unkey_api.areas.permissions.holding import hold_permissions
from unkey_api.areas.permissions.types import Permission, StoredRole
from unkey_api.audit.types import AuditEvent
from unkey_api.core.changes import role_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix
from unkey_api.core.needs import ANY
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require, require_unseen
from unkey_api.infra.mysql import Transaction, WriteConn


class SetRolePermissionsCommand(NamedTuple):
    """What a role is to have."""

    role: str
    """Id or name."""
    permissions: tuple[str, ...]
    """Slugs; those that differ only in letter case count once. None takes all permissions away."""


class SetRolePermissions:
    """Gives a role exactly the named permissions, creating those that do not exist yet."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: SetRolePermissionsCommand) -> tuple[Permission, ...]:
        """Replace the permissions and return them in ascending order of the slugs asked for. Safe to repeat.

        Raises:
            InsufficientPermissions: The caller may not both add and remove permissions of roles; or a permission does
                not exist and it may not create permissions. Nothing was changed.
            UnknownRole: There is no such role.
            StoreUnavailable: Nothing was changed.
        """
        correlation_id = self._parts.ids.new(IdPrefix.CORRELATION)
        now = self._parts.now()
        workspace_id = caller.principal.workspace_id
        wanted = new_permissions(self._parts.ids, workspace_id, "", distinct_slugs(command.permissions), now=now)
        found = await require_unseen(
            caller.principal.permissions,
            lambda: role_queries.find_by_key(self._parts.database.primary, workspace_id, command.role),
            lambda row: requirements.set_role_permissions(workspace_id, row.id if row else ANY),
        )
        if found is None:
            raise UnknownRole

        async def work(tx: Transaction) -> tuple[Permission, ...]:
            async def on_missing() -> str:
                _require_create(caller)
                return await self._parts.projects.ensure(tx, workspace_id)

            role = await role_queries.find_locked(tx, workspace_id, found.id)
            if role is None:
                raise UnknownRole
            resolved = await ensure_permissions(tx, workspace_id, wanted, any_case=True, on_missing=on_missing)
            events = await _replace(tx, workspace_id, role, resolved, now)
            await self._parts.audit.record(tx, caller, events, correlation_id)
            tx.tell(role_changed(workspace_id, role.name))
            return resolved.all

        return await self._parts.database.transaction("permissions.set_role_permissions", work)


async def _replace(
    tx: WriteConn, workspace_id: str, role: StoredRole, resolved: Ensured, now: UnixMs
) -> Sequence[AuditEvent]:
    """Turn what the role has, as it is under the lock, into what it is to have."""
    (current,) = await role_queries.with_permissions(tx, workspace_id, [role])
    before = {permission.id for permission in current.permissions}
    after = {permission.id for permission in resolved.all}
    removed = [permission for permission in current.permissions if permission.id not in after]
    added = [permission for permission in resolved.all if permission.id not in before]
    await role_queries.remove_permissions(tx, workspace_id, role.id, removed)
    await hold_permissions(tx, workspace_id, (each.id for each in resolved.found if each.id not in before))
    await role_queries.add_permissions(tx, workspace_id, role.id, added, now=now)
    target = role_target(role, {})
    return [
        *(created_on_the_way(item, {}) for item in resolved.created),
        *(disconnected(target, item) for item in removed),
        *(connected(target, item) for item in added),
    ]


def _require_create(caller: Caller) -> None:
    principal = caller.principal
    require(principal.permissions, requirements.create_missing_permissions(principal.workspace_id))
