"""Create, show, change and delete roles, and say which permissions they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from unkey_api.areas.parts import Parts
from unkey_api.areas.permissions import requirements, role_queries
from unkey_api.areas.permissions.ensure import (
    Ensured,
    distinct_slugs,
    ensure_permissions,
    hold_permissions,
    new_permissions,
)
from unkey_api.areas.permissions.events import (
    connected,
    created_on_the_way,
    disconnected,
    role_event,
    role_meta,
    role_target,
)
from unkey_api.areas.permissions.queries import NewRole
from unkey_api.areas.permissions.service.permissions import described
from unkey_api.areas.permissions.types import (
    Permission,
    Role,
    RoleAlreadyExists,
    StoredRole,
    UnknownRole,
)
from unkey_api.audit.service import changed_members
from unkey_api.audit.types import AuditAction, AuditEvent
from unkey_api.core.changes import role_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, RoleId
from unkey_api.core.needs import ANY
from unkey_api.core.paging import Page, cut_page, substring_pattern
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.rbac import require, require_found
from unkey_api.infra.mysql import DuplicateKey, ReadsOf, Transaction, WriteConn


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


class GetRole:
    """Shows one role."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, key: str) -> Role:
        """Return the role with this id, else the one with this name in whatever letter case.

        Raises:
            InsufficientPermissions: The caller may not read roles.
            UnknownRole: There is none.
            StoreUnavailable: It could not be read.
        """
        workspace_id = principal.workspace_id
        conn = self._reads_of(workspace_id)
        found = await require_found(
            principal.permissions,
            lambda: role_queries.find_by_key(conn, workspace_id, key),
            lambda row: requirements.on_role(workspace_id, "read_role", row.id if row else ANY),
            UnknownRole,
        )
        return (await role_queries.with_permissions(conn, workspace_id, [found]))[0]


class ListRoles:
    """Lists the roles of a workspace."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, *, cursor: str, search: str, limit: int) -> Page[Role]:
        """Return at most `limit` roles by ascending id, the first not below `cursor`, with two statements.

        `search` is part of id, name or description in whatever letter case; blank means all.

        Raises:
            InsufficientPermissions: The caller may not read roles.
            StoreUnavailable: They could not be read.
        """
        require(principal.permissions, requirements.on_role(principal.workspace_id, "read_role"))
        conn = self._reads_of(principal.workspace_id)
        rows = await role_queries.list_page(
            conn,
            principal.workspace_id,
            cursor=cursor,
            pattern=substring_pattern(search),
            limit=limit + 1,
        )
        page = cut_page(rows, limit=limit, id_of=lambda row: row.id)
        roles = await role_queries.with_permissions(conn, principal.workspace_id, page.items)
        return Page(roles, page.next_cursor)


class UpdateRoleCommand(NamedTuple):
    """What to change. None leaves things as they are."""

    role: str
    """Id or present name."""
    name: str | None
    description: str | None
    """Empty removes it."""


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


def _changed_role(stored: StoredRole, command: UpdateRoleCommand) -> StoredRole:
    return replace(
        stored,
        name=stored.name if command.name is None else command.name,
        description=described(stored.description, command.description),
    )


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
        found = await require_found(
            caller.principal.permissions,
            lambda: role_queries.find_by_key(self._parts.database.primary, workspace_id, command.role),
            lambda row: requirements.set_role_permissions(workspace_id, row.id if row else ANY),
            UnknownRole,
        )

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
        found = await require_found(
            caller.principal.permissions,
            lambda: role_queries.find_by_key(self._parts.database.primary, workspace_id, key),
            lambda row: requirements.on_role(workspace_id, "delete_role", row.id if row else ANY),
            UnknownRole,
        )

        async def work(tx: Transaction) -> None:
            stored = await role_queries.find_locked(tx, workspace_id, found.id)
            if stored is None:
                raise UnknownRole
            await role_queries.delete(tx, workspace_id, stored.id)
            event = role_event(AuditAction.ROLE_DELETE, f"Deleted {stored.id}", stored)
            await self._parts.audit.record(tx, caller, [event])
            tx.tell(role_changed(workspace_id, stored.name))

        await self._parts.database.transaction("permissions.delete_role", work)
