"""Take roles from a key."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import WriteConn
from unkey_api.keys import changes
from unkey_api.keys.live import get_key
from unkey_api.keys.service import events
from unkey_api.keys.service.parts import KeyParts
from unkey_api.keys.service.roles import get_roles
from unkey_api.permissions.types import Role


class RemoveRoles:
    """Removes roles from those a key has."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, names: Sequence[str]) -> list[Role]:
        """Remove roles by name and return those the key still has. Repeatable.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace.
            InsufficientPermissions: The caller may not do it.
            RoleNotFound: The workspace has no role of a name; nothing was removed.
            StoreUnavailable: Nothing was changed.
        """
        database = self._parts.database
        key = await get_key(database.replica, caller.principal, key_id)
        require(caller.principal.permissions, key.needs("update_key"))
        current = await changes.list_roles(database.replica, key.workspace_id, key.id)
        unwanted = {role.id for role in await get_roles(database.replica, key.workspace_id, names)}
        removed = [role for role in current if role.id in unwanted]
        if removed:
            target = events.key_target(key.id, key.name or "")
            log = [events.role_disconnected(target, role) for role in removed]

            async def work(tx: WriteConn) -> None:
                await changes.remove_roles(tx, key.workspace_id, key.id, [role.id for role in removed])
                await self._parts.audit.record(tx, caller, log)

            await database.transaction(
                "keys.remove_roles", work, on_commit=lambda _: self._parts.directory.forget(key.hash)
            )
        return [role for role in current if role.id not in unwanted]
