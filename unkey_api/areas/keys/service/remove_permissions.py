"""Take permissions from a key."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.keys import changes
from unkey_api.areas.keys.errors import KeyNotFound
from unkey_api.areas.keys.live import LiveKey, get_key
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.permissions import queries as permission_queries
from unkey_api.areas.permissions.errors import PermissionNotFound
from unkey_api.areas.permissions.types import Permission
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


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
        database = self._parts.database
        key = await get_key(database.primary, caller.principal, key_id)
        require(caller.principal.permissions, key.needs_grants("remove_permission_from_key"))

        async def work(tx: Transaction) -> list[Permission]:
            return await self._write(tx, caller, key, slugs)

        return await database.transaction("keys.remove_permissions", work)

    async def _write(self, tx: Transaction, caller: Caller, key: LiveKey, slugs: Sequence[str]) -> list[Permission]:
        workspace_id = key.workspace_id
        locked = await changes.lock(tx, workspace_id, key.id)
        if locked is None:
            raise KeyNotFound(internal=f"key {key.id} was deleted meanwhile")
        current = await changes.list_permissions(tx, workspace_id, key.id)
        known = {p.slug: p for p in await permission_queries.list_permissions(tx, workspace_id, slugs)}
        for slug in slugs:
            if slug not in known:
                raise PermissionNotFound(slug)
        unwanted = {permission.id for permission in known.values()}
        removed = [permission for permission in current if permission.id in unwanted]
        if removed:
            await changes.remove_permissions(tx, workspace_id, key.id, [permission.id for permission in removed])
            target = events.key_target(key.id, key.name or "")
            log = [events.permission_disconnected(target, permission) for permission in removed]
            await self._parts.audit.record(tx, caller, log)
            tx.tell(locked.changed(workspace_id))
        return [permission for permission in current if permission.id not in unwanted]
