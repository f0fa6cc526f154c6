"""Giving permissions and roles to keys, and taking them away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar

from unkey_api.areas.keys import change_queries, queries
from unkey_api.areas.keys.live_queries import LiveKey, get_key_for
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.permissions import queries as permission_queries
from unkey_api.areas.permissions.ensure import Ensured, ensure_permissions, new_permissions
from unkey_api.areas.permissions.queries import NewPermission, RoleRow
from unkey_api.areas.permissions.requirements import create_missing_permissions
from unkey_api.areas.permissions.types import Permission, PermissionNotFound, Role, RoleNotFound
from unkey_api.audit.types import AuditEvent
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import ReadConn, Transaction, WriteConn

Held = TypeVar("Held", Permission, Role)
FoundRole = TypeVar("FoundRole", RoleRow, Role)


async def grant_permissions(
    tx: WriteConn, workspace_id: str, key_id: str, wanted: dict[str, NewPermission], *, now: UnixMs
) -> tuple[Permission, ...]:
    """Link the key to permissions, creating missing ones, and return them in the order wanted. None, no statement."""
    if not wanted:
        return ()
    permissions = (await ensure_permissions(tx, workspace_id, wanted)).all
    await queries.link_permissions(tx, workspace_id, [(key_id, permission.id) for permission in permissions], now=now)
    return permissions


async def find_roles(tx: WriteConn, workspace_id: str, names: Iterable[str]) -> list[RoleRow]:
    """Return the roles of these names in their order, repetitions once. No names, no statement.

    Raises:
        RoleNotFound: One does not exist; the first in order is named.
    """
    wanted = tuple(dict.fromkeys(names))
    return _in_order(wanted, await permission_queries.list_roles(tx, workspace_id, wanted))


async def grant_roles(
    tx: WriteConn, workspace_id: str, key_id: str, names: Iterable[str], *, now: UnixMs
) -> list[RoleRow]:
    """Link the key to roles and return them in their order. Raises RoleNotFound; then roll back."""
    roles = await find_roles(tx, workspace_id, names)
    await queries.link_roles(tx, workspace_id, [(key_id, role.id) for role in roles], now=now)
    return roles


class AddPermissions:
    """Adds permissions to those a key has itself."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, slugs: Sequence[str]) -> list[Permission]:
        """Add permissions by slug, creating missing ones, and return all the key has then: earlier ones first.

        Repeatable; those it has already change nothing.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not do it, or not create the missing ones.
            PermissionDiffersInCase: A new slug differs from an existing one in letter case only.
            StoreUnavailable: Nothing was changed.
        """
        primary, action = self._parts.database.primary, "add_permission_to_key"
        key = await get_key_for(primary, caller.principal, key_id, lambda key: key.needs_grants(action))
        return await _ensure(self._parts, caller, key, slugs, "keys.add_permissions", _with_ensured)


class SetPermissions:
    """Makes a key have exactly these permissions itself."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, slugs: Sequence[str]) -> list[Permission]:
        """Replace the key's own permissions by slug, creating missing ones, and return them. Repeatable.

        Raises as `AddPermissions` does.
        """
        primary, actions = self._parts.database.primary, ("add_permission_to_key", "remove_permission_from_key")
        key = await get_key_for(primary, caller.principal, key_id, lambda key: key.needs_grants(*actions))
        return await _ensure(self._parts, caller, key, slugs, "keys.set_permissions", _only_those)


class RemovePermissions:
    """Removes permissions from those a key has itself."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, slugs: Sequence[str]) -> list[Permission]:
        """Remove permissions by slug and return those the key still has itself. Those of its roles stay.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not do it.
            PermissionNotFound: The workspace has no permission of a slug; the first in order is named.
            StoreUnavailable: Nothing was changed.
        """
        database, action = self._parts.database, "remove_permission_from_key"
        key = await get_key_for(database.primary, caller.principal, key_id, lambda key: key.needs_grants(action))
        now = self._parts.now()

        async def work(tx: Transaction) -> list[Permission]:
            locked = await change_queries.lock(tx, key.workspace_id, key.id)
            current = await change_queries.list_permissions(tx, key.workspace_id, key.id)
            known = {p.slug: p.id for p in await permission_queries.list_permissions(tx, key.workspace_id, slugs)}
            for slug in slugs:
                if slug not in known:
                    raise PermissionNotFound(slug)
            unwanted = set(known.values())
            kept = [permission for permission in current if permission.id not in unwanted]
            taken, _ = await _relink(tx, key, current, kept, now=now)
            if taken:
                await self._parts.audit.record(tx, caller, taken)
                tx.tell(locked.changed(key.workspace_id))
            return kept

        return await database.transaction("keys.remove_permissions", work)


def _with_ensured(current: list[Permission], ensured: Ensured) -> list[Permission]:
    return _with_more(current, ensured.all)


def _only_those(_: list[Permission], ensured: Ensured) -> list[Permission]:
    return [*ensured.found, *ensured.created]


async def _ensure(
    parts: KeyParts,
    caller: Caller,
    key: LiveKey,
    slugs: Sequence[str],
    transaction: str,
    outcome: Callable[[list[Permission], Ensured], list[Permission]],
) -> list[Permission]:
    """Have the named permissions exist, and the key have afterwards what `outcome` says given what it has and those."""
    wanted = await _wanted(parts, caller, key.workspace_id, slugs)
    correlation_id, now = parts.ids.new(IdPrefix.CORRELATION), parts.now()

    async def work(tx: Transaction) -> list[Permission]:
        locked = await change_queries.lock(tx, key.workspace_id, key.id)
        current = await change_queries.list_permissions(tx, key.workspace_id, key.id)
        ensured = await ensure_permissions(tx, key.workspace_id, wanted)
        after = outcome(current, ensured)
        taken, given = await _relink(tx, key, current, after, now=now)
        log = [*taken, *(events.permission_created(permission) for permission in ensured.created), *given]
        if log:
            await parts.audit.record(tx, caller, log, correlation_id)
            tx.tell(locked.changed(key.workspace_id))
        return after

    return await parts.database.transaction(transaction, work)


async def _wanted(parts: KeyParts, caller: Caller, workspace_id: str, slugs: Sequence[str]) -> dict[str, NewPermission]:
    """Return the permissions by slug, as they would be created, to a caller who may create those that are missing."""
    wanted, primary = tuple(dict.fromkeys(slugs)), parts.database.primary
    project_id = await parts.projects.ensure(primary, workspace_id)
    if len(await permission_queries.list_permissions(primary, workspace_id, wanted)) < len(wanted):
        require(caller.principal.permissions, create_missing_permissions(workspace_id))
    return new_permissions(parts.ids, workspace_id, project_id, wanted, now=parts.now())


async def _relink(
    tx: Transaction, key: LiveKey, before: list[Permission], after: list[Permission], *, now: UnixMs
) -> tuple[list[AuditEvent], list[AuditEvent]]:
    """Get from one set of permissions to the other, and return what to tell: of those taken and of those given."""
    removed, added = _difference(before, after)
    await change_queries.remove_permissions(tx, key.workspace_id, key.id, [permission.id for permission in removed])
    await queries.link_permissions(tx, key.workspace_id, [(key.id, p.id) for p in added], now=now)
    target = events.key_target(key.id, key.name or "")
    return (
        [events.permission_disconnected(target, permission) for permission in removed],
        [events.permission_connected(target, p.id, label=p.name, shown=p.name) for p in added],
    )


RolesOutcome: TypeAlias = Callable[[list[Role], list[Role]], list[Role]]
"""Says what the key has afterwards, given what it has and the roles that are named."""


class AddRoles:
    """Adds roles to those a key has."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, names: Sequence[str]) -> list[Role]:
        """Add roles by name and return all the key has then: earlier ones first. Repeatable.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not do it.
            RoleNotFound: The workspace has no role of a name; nothing was added.
            StoreUnavailable: Nothing was changed.
        """
        primary = self._parts.database.primary
        key = await get_key_for(primary, caller.principal, key_id, lambda key: key.needs_grants("add_role_to_key"))
        current = await change_queries.list_roles(primary, key.workspace_id, key.id)
        wanted = await _named_roles(primary, key.workspace_id, names)
        if {role.id for role in wanted} <= {role.id for role in current}:
            return current
        return await _change_roles(self._parts, caller, key, names, "keys.add_roles", _with_more)


class RemoveRoles:
    """Removes roles from those a key has."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, names: Sequence[str]) -> list[Role]:
        """Remove roles by name and return those the key still has. Repeatable. Raises as `AddRoles` does."""
        primary = self._parts.database.primary
        key = await get_key_for(primary, caller.principal, key_id, lambda key: key.needs("update_key"))
        return await _change_roles(self._parts, caller, key, names, "keys.remove_roles", _without)


class SetRoles:
    """Makes a key have exactly these roles."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, names: Sequence[str]) -> list[Role]:
        """Replace the key's roles by name and return them. Repeatable; of concurrent callers the last one wins.

        Raises as `AddRoles` does.
        """
        parts = self._parts
        key = await get_key_for(parts.database.primary, caller.principal, key_id, lambda key: key.needs("update_key"))
        correlation_id = parts.ids.new(IdPrefix.CORRELATION)
        return await _change_roles(parts, caller, key, names, "keys.set_roles", lambda _, named: named, correlation_id)


def _without(current: list[Role], named: list[Role]) -> list[Role]:
    return _difference(current, named)[0]


async def _change_roles(
    parts: KeyParts,
    caller: Caller,
    key: LiveKey,
    names: Sequence[str],
    transaction: str,
    outcome: RolesOutcome,
    correlation_id: str | None = None,
) -> list[Role]:
    now = parts.now()

    async def work(tx: Transaction) -> list[Role]:
        workspace_id = key.workspace_id
        locked = await change_queries.lock(tx, workspace_id, key.id)
        # All is looked at under the lock: somebody may have given or taken the same roles since, or deleted one.
        named = await _named_roles(tx, workspace_id, names)
        current = await change_queries.list_roles(tx, workspace_id, key.id)
        after = outcome(current, named)
        removed, added = _difference(current, after)
        if removed or added:
            await change_queries.remove_roles(tx, workspace_id, key.id, [role.id for role in removed])
            await queries.link_roles(tx, workspace_id, [(key.id, role.id) for role in added], now=now)
            target = events.key_target(key.id, key.name or "")
            log = [events.role_disconnected(target, role) for role in removed]
            log += [events.role_connected(target, role.id, role.name, verb="Added") for role in added]
            await parts.audit.record(tx, caller, log, correlation_id)
            tx.tell(locked.changed(workspace_id))
        return after

    return await parts.database.transaction(transaction, work)


async def _named_roles(conn: ReadConn, workspace_id: str, names: Sequence[str]) -> list[Role]:
    """Return the roles of these names with their permissions, in their order, repetitions once.

    Raises:
        RoleNotFound: One does not exist; the first in order is named.
    """
    wanted = tuple(dict.fromkeys(names))
    return _in_order(wanted, await permission_queries.list_roles_with_permissions(conn, workspace_id, wanted))


def _in_order(names: Sequence[str], roles: Iterable[FoundRole]) -> list[FoundRole]:
    found = {role.name: role for role in roles}
    for name in names:
        if name not in found:
            raise RoleNotFound(name)
    return [found[name] for name in names]


def _with_more(current: list[Held], named: Iterable[Held]) -> list[Held]:
    return current + _difference(current, named)[1]


def _difference(before: Iterable[Held], after: Iterable[Held]) -> tuple[list[Held], list[Held]]:
    """Return what was taken and what was given."""
    had, kept = {each.id for each in before}, {each.id for each in after}
    return [each for each in before if each.id not in kept], [each for each in after if each.id not in had]
