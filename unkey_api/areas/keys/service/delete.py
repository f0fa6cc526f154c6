"""Delete a key."""

from __future__ import annotations

from unkey_api.areas.keys import changes
from unkey_api.areas.keys.errors import KeyNotFound
from unkey_api.areas.keys.live import get_key
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


class DeleteKey:
    """Deletes a key, leaving its row or not."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, *, permanent: bool = False) -> None:
        """Delete the key; `permanent` removes it with everything that belongs to it alone.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not delete it.
            StoreUnavailable: Nothing was deleted.
        """
        key = await get_key(self._parts.database.primary, caller.principal, key_id)
        require(caller.principal.permissions, key.needs("delete_key"))
        now = self._parts.now()

        async def work(tx: Transaction) -> None:
            locked = await changes.lock(tx, key.workspace_id, key.id)
            if locked is None:
                raise KeyNotFound(internal=f"key {key.id} was deleted meanwhile")
            if permanent:
                await changes.delete(tx, key.workspace_id, key.id)
            else:
                await changes.mark_deleted(tx, key.workspace_id, key.id, now=now)
            event = events.key_deleted(events.key_target(key.id, key.name or ""), permanent=permanent)
            await self._parts.audit.record(tx, caller, [event])
            tx.tell(locked.changed(key.workspace_id))

        await self._parts.database.transaction("keys.delete", work)
