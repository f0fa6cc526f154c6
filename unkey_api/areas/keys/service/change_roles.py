"""Give a key roles, take roles from it, replace its roles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from unkey_api.areas.keys import change_queries, queries
from unkey_api.areas.keys.live_queries import LiveKey, get_key_for
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.permissions import queries as role_queries
from unkey_api.areas.permissions.errors import RoleNotFound
from unkey_api.areas.permissions.types import Role
from unkey_api.core.ids import IdPrefix
from unkey_api.core.principal import Caller
from unkey_api.infra.mysql import ReadConn, Transaction

Outcome: TypeAlias = Callable[[list[Role], list[Role]], list[Role]]
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
        wanted = await _named(primary, key.workspace_id, names)
        if {role.id for role in wanted} <= {role.id for role in current}:
            return current
        return await _change(self._parts, caller, key, names, "keys.add_roles", _with_more)


class RemoveRoles:
    """Removes roles from those a key has."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, names: Sequence[str]) -> list[Role]:
        """Remove roles by name and return those the key still has. Repeatable. Raises as `AddRoles` does."""
        primary = self._parts.database.primary
        key = await get_key_for(primary, caller.principal, key_id, lambda key: key.needs("update_key"))
        return await _change(self._parts, caller, key, names, "keys.remove_roles", _without)


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
        return await _change(parts, caller, key, names, "keys.set_roles", lambda _, named: named, correlation_id)


def _with_more(current: list[Role], named: list[Role]) -> list[Role]:
    had = {role.id for role in current}
    return [*current, *(role for role in named if role.id not in had)]


def _without(current: list[Role], named: list[Role]) -> list[Role]:
    unwanted = {role.id for role in named}
    return [role for role in current if role.id not in unwanted]


async def _change(
    parts: KeyParts,
    caller: Caller,
    key: LiveKey,
    names: Sequence[str],
    transaction: str,
    outcome: Outcome,
    correlation_id: str | None = None,
) -> list[Role]:
    now = parts.now()

    async def work(tx: Transaction) -> list[Role]:
        workspace_id = key.workspace_id
        locked = await change_queries.lock(tx, workspace_id, key.id)
        # All is looked at under the lock: somebody may have given or taken the same roles since, or deleted one.
        named = await _named(tx, workspace_id, names)
        current = await change_queries.list_roles(tx, workspace_id, key.id)
        after = outcome(current, named)
        had, kept = {role.id for role in current}, {role.id for role in after}
        removed = [role for role in current if role.id not in kept]
        added = [role for role in after if role.id not in had]
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


async def _named(conn: ReadConn, workspace_id: str, names: Sequence[str]) -> list[Role]:
    """Return the roles of these names with their permissions, in their order, repetitions once.

    Raises:
        RoleNotFound: One does not exist; the first in order is named.
    """
    wanted = tuple(dict.fromkeys(names))
    found = {role.name: role for role in await role_queries.list_roles_with_permissions(conn, workspace_id, wanted)}
    for name in wanted:
        if name not in found:
            raise RoleNotFound(name)
    return [found[name] for name in wanted]
