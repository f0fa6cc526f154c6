"""Replace the roles of a key."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.keys import changes, queries
from unkey_api.areas.keys.errors import KeyNotFound
from unkey_api.areas.keys.live import LiveKey, get_key
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.keys.service.roles import get_roles
from unkey_api.areas.permissions.types import Role
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


class SetRoles:
    """Makes a key have exactly these roles."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, names: Sequence[str]) -> list[Role]:
        """Replace the key's roles by name and return them. Repeatable; of concurrent callers the last one wins.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not do it.
            RoleNotFound: The workspace has no role of a name; nothing was changed.
            StoreUnavailable: Nothing was changed.
        """
        parts = self._parts
        key = await get_key(parts.database.primary, caller.principal, key_id)
        require(caller.principal.permissions, key.needs("update_key"))
        correlation_id, now = parts.ids.new(IdPrefix.CORRELATION), parts.now()

        async def work(tx: Transaction) -> list[Role]:
            return await self._write(tx, caller, key, names, correlation_id, now=now)

        return await parts.database.transaction("keys.set_roles", work)

    async def _write(
        self,
        tx: Transaction,
        caller: Caller,
        key: LiveKey,
        names: Sequence[str],
        correlation_id: str,
        *,
        now: UnixMs,
    ) -> list[Role]:
        workspace_id = key.workspace_id
        locked = await changes.lock(tx, workspace_id, key.id)
        if locked is None:
            raise KeyNotFound(internal=f"key {key.id} was deleted meanwhile")
        wanted = await get_roles(tx, workspace_id, names)
        current = await changes.list_roles(tx, workspace_id, key.id)
        had, kept = {role.id for role in current}, {role.id for role in wanted}
        removed = [role for role in current if role.id not in kept]
        added = [role for role in wanted if role.id not in had]
        await changes.remove_roles(tx, workspace_id, key.id, [role.id for role in removed])
        await queries.link_roles(tx, workspace_id, [(key.id, role.id) for role in added], now=now)
        target = events.key_target(key.id, key.name or "")
        log = [events.role_disconnected(target, role) for role in removed]
        log += [events.role_connected(target, role.id, role.name, verb="Added") for role in added]
        await self._parts.audit.record(tx, caller, log, correlation_id)
        tx.tell(locked.changed(workspace_id))
        return wanted
