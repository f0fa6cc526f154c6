"""Give a key more roles."""

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
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


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
        database = self._parts.database
        key = await get_key(database.primary, caller.principal, key_id)
        require(caller.principal.permissions, key.needs_grants("add_role_to_key"))
        current = await changes.list_roles(database.primary, key.workspace_id, key.id)
        wanted = await get_roles(database.primary, key.workspace_id, names)
        if {role.id for role in wanted} <= {role.id for role in current}:
            return current

        now = self._parts.now()

        async def work(tx: Transaction) -> list[Role]:
            return await self._write(tx, caller, key, names, now=now)

        return await database.transaction("keys.add_roles", work)

    async def _write(
        self, tx: Transaction, caller: Caller, key: LiveKey, names: Sequence[str], *, now: UnixMs
    ) -> list[Role]:
        locked = await changes.lock(tx, key.workspace_id, key.id)
        if locked is None:
            raise KeyNotFound(internal=f"key {key.id} was deleted meanwhile")
        # Looked at again under the lock: somebody may have added the same roles since, or deleted one.
        wanted = await get_roles(tx, key.workspace_id, names)
        current = await changes.list_roles(tx, key.workspace_id, key.id)
        had = {role.id for role in current}
        added = [role for role in wanted if role.id not in had]
        await queries.link_roles(tx, key.workspace_id, [(key.id, role.id) for role in added], now=now)
        target = events.key_target(key.id, key.name or "")
        log = [events.role_connected(target, role.id, role.name, verb="Added") for role in added]
        await self._parts.audit.record(tx, caller, log)
        tx.tell(locked.changed(key.workspace_id))
        return [*current, *added]
