"""Delete a key."""

from __future__ import annotations

from unkey_api.areas.keys import change_queries
from unkey_api.areas.keys.live_queries import get_key_for
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.core.principal import Caller
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
        primary = self._parts.database.primary
        key = await get_key_for(primary, caller.principal, key_id, lambda key: key.needs("delete_key"))
        now = self._parts.now()

        async def work(tx: Transaction) -> None:
            locked = await change_queries.lock(tx, key.workspace_id, key.id)
            if permanent:
                await change_queries.delete(tx, key.workspace_id, key.id)
            else:
                await change_queries.mark_deleted(tx, key.workspace_id, key.id, now=now)
            event = events.key_deleted(events.key_target(key.id, key.name or ""), permanent=permanent)
            await self._parts.audit.record(tx, caller, [event])
            tx.tell(locked.changed(key.workspace_id))

        await self._parts.database.transaction("keys.delete", work)
