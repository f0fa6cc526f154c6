"""Give a key permissions, take permissions from it, replace its permissions: those it has itself, not through roles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unkey_api.areas.keys import change_queries, queries
from unkey_api.areas.keys.live_queries import LiveKey, get_key_for
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.permissions import queries as permission_queries
from unkey_api.areas.permissions.ensure import Ensured, ensure_permissions, new_permissions
from unkey_api.areas.permissions.errors import PermissionNotFound
from unkey_api.areas.permissions.queries import NewPermission
from unkey_api.areas.permissions.requirements import create_missing_permissions
from unkey_api.areas.permissions.types import Permission
from unkey_api.audit.types import AuditEvent
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


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
        return await _ensure(self._parts, caller, key, slugs, "keys.add_permissions", _with_more)


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


def _with_more(current: list[Permission], ensured: Ensured) -> list[Permission]:
    had = {permission.id for permission in current}
    return [*current, *(permission for permission in ensured.all if permission.id not in had)]


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
    had, kept = {permission.id for permission in before}, {permission.id for permission in after}
    removed = [permission for permission in before if permission.id not in kept]
    added = [permission for permission in after if permission.id not in had]
    await change_queries.remove_permissions(tx, key.workspace_id, key.id, [permission.id for permission in removed])
    await queries.link_permissions(tx, key.workspace_id, [(key.id, p.id) for p in added], now=now)
    target = events.key_target(key.id, key.name or "")
    return (
        [events.permission_disconnected(target, permission) for permission in removed],
        [events.permission_connected(target, p.id, label=p.name, shown=p.name) for p in added],
    )
