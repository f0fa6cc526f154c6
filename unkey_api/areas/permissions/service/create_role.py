"""Create a role."""

from __future__ import annotations

from typing import NamedTuple

from unkey_api.areas.parts import Parts
from unkey_api.areas.permissions import requirements, role_queries
from unkey_api.areas.permissions.ensure import Ensured, distinct_slugs, ensure_permissions, new_permissions
from unkey_api.areas.permissions.errors import RoleAlreadyExists
from unkey_api.areas.permissions.events import connected, created_on_the_way, role_event, role_meta, role_target
from unkey_api.areas.permissions.holding import hold_permissions
from unkey_api.areas.permissions.queries import NewRole
from unkey_api.areas.permissions.types import StoredRole
from unkey_api.audit.types import AuditAction, AuditEvent
from unkey_api.core.changes import role_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, RoleId
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import DuplicateKey, Transaction, WriteConn


class CreateRoleCommand(NamedTuple):
    """A role to create."""

    name: str
    description: str
    """Empty for none."""
    permissions: tuple[str, ...]
    """Slugs; those that differ only in letter case count once."""


class CreateRole:
    """Creates a role with its permissions, and permissions that do not exist yet."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: CreateRoleCommand) -> RoleId:
        """Create the role and return its id.

        Raises:
            InsufficientPermissions: The caller may not create roles; or it names permissions and may not give them to
                roles; or one of them does not exist and it may not create permissions. Nothing was created.
            RoleAlreadyExists: The name is taken, in whatever letter case. Nothing was created.
            StoreUnavailable: Nothing was created.
        """
        granted, workspace_id = caller.principal.permissions, caller.principal.workspace_id
        require(granted, requirements.create_role(workspace_id))
        slugs = distinct_slugs(command.permissions)
        if slugs:
            require(granted, requirements.add_to_new_role(workspace_id))
        role_id = RoleId(self._parts.ids.new(IdPrefix.ROLE))
        now = self._parts.now()
        wanted = new_permissions(self._parts.ids, workspace_id, "", slugs, now=now)

        async def work(tx: Transaction) -> None:
            async def on_missing() -> str:
                require(granted, requirements.create_permission(workspace_id))
                return await self._parts.projects.ensure(tx, workspace_id)

            resolved = await ensure_permissions(tx, workspace_id, wanted, any_case=True, on_missing=on_missing)
            role = await self._insert(tx, workspace_id, role_id, command, now)
            await hold_permissions(tx, workspace_id, (each.id for each in resolved.found))
            await role_queries.add_permissions(tx, workspace_id, role_id, resolved.all, now=now)
            await self._parts.audit.record(tx, caller, _created(role, resolved))
            tx.tell(role_changed(workspace_id, role.name))

        await self._parts.database.transaction("permissions.create_role", work)
        return role_id

    async def _insert(
        self, tx: WriteConn, workspace_id: str, role_id: RoleId, command: CreateRoleCommand, now: UnixMs
    ) -> StoredRole:
        project_id = await self._parts.projects.ensure(tx, workspace_id)
        description = command.description or None
        try:
            await role_queries.insert(tx, NewRole(role_id, workspace_id, project_id, command.name, now, description))
        except DuplicateKey as err:
            raise RoleAlreadyExists(command.name) from err
        return StoredRole(role_id, project_id, command.name, description)


def _created(role: StoredRole, resolved: Ensured) -> list[AuditEvent]:
    target = role_target(role, role_meta(role))
    return [
        role_event(AuditAction.ROLE_CREATE, f"Created {role.id}", role),
        *(created_on_the_way(item, {"name": item.name, "slug": item.slug}) for item in resolved.created),
        *(connected(target, item) for item in resolved.all),
    ]
