"""Take roles from a key."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.keys import changes
from unkey_api.areas.keys.errors import KeyNotFound
from unkey_api.areas.keys.live import LiveKey, get_key
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.keys.service.roles import get_roles
from unkey_api.areas.permissions.types import Role
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


class RemoveRoles:
    """Removes roles from those a key has."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, names: Sequence[str]) -> list[Role]:
        """Remove roles by name and return those the key still has. Repeatable.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not do it.
            RoleNotFound: The workspace has no role of a name; nothing was removed.
            StoreUnavailable: Nothing was changed.
        """
        database = self._parts.database
        key = await get_key(database.primary, caller.principal, key_id)
        require(caller.principal.permissions, key.needs("update_key"))

        async def work(tx: Transaction) -> list[Role]:
            return await self._write(tx, caller, key, names)

        return await database.transaction("keys.remove_roles", work)

    async def _write(self, tx: Transaction, caller: Caller, key: LiveKey, names: Sequence[str]) -> list[Role]:
        workspace_id = key.workspace_id
        locked = await changes.lock(tx, workspace_id, key.id)
        if locked is None:
            raise KeyNotFound(internal=f"key {key.id} was deleted meanwhile")
        current = await changes.list_roles(tx, workspace_id, key.id)
        unwanted = {role.id for role in await get_roles(tx, workspace_id, names)}
        removed = [role for role in current if role.id in unwanted]
        if removed:
            await changes.remove_roles(tx, workspace_id, key.id, [role.id for role in removed])
            target = events.key_target(key.id, key.name or "")
            await self._parts.audit.record(tx, caller, [events.role_disconnected(target, role) for role in removed])
            tx.tell(locked.changed(workspace_id))
        return [role for role in current if role.id not in unwanted]
