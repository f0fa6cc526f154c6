"""Replace the permissions of a key."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.keys import changes, queries
from unkey_api.areas.keys.errors import KeyNotFound
from unkey_api.areas.keys.live import LiveKey, get_key
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.add_permissions import AddPermissions
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.permissions.ensure import ensure_permissions
from unkey_api.areas.permissions.queries import NewPermission
from unkey_api.areas.permissions.types import Permission
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


class SetPermissions:
    """Makes a key have exactly these permissions itself."""

    def __init__(self, parts: KeyParts, add: AddPermissions) -> None:
        self._parts = parts
        self._prepare = add.prepare

    async def __call__(self, caller: Caller, key_id: str, slugs: Sequence[str]) -> list[Permission]:
        """Replace the key's own permissions by slug, creating missing ones, and return them. Repeatable.

        Raises as `AddPermissions` does.
        """
        parts = self._parts
        key = await get_key(parts.database.primary, caller.principal, key_id)
        needed = key.needs_grants("add_permission_to_key", "remove_permission_from_key")
        require(caller.principal.permissions, needed)
        wanted = await self._prepare(caller, key, slugs)
        correlation_id, now = parts.ids.new(IdPrefix.CORRELATION), parts.now()

        async def work(tx: Transaction) -> list[Permission]:
            return await self._write(tx, caller, key, wanted, correlation_id, now=now)

        return await parts.database.transaction("keys.set_permissions", work)

    async def _write(
        self,
        tx: Transaction,
        caller: Caller,
        key: LiveKey,
        wanted: dict[str, NewPermission],
        correlation_id: str,
        *,
        now: UnixMs,
    ) -> list[Permission]:
        workspace_id = key.workspace_id
        locked = await changes.lock(tx, workspace_id, key.id)
        if locked is None:
            raise KeyNotFound(internal=f"key {key.id} was deleted meanwhile")
        current = await changes.list_permissions(tx, workspace_id, key.id)
        ensured = await ensure_permissions(tx, workspace_id, wanted)
        kept = {permission.id for permission in ensured.all}
        had = {permission.id for permission in current}
        removed = [permission for permission in current if permission.id not in kept]
        added = [permission for permission in ensured.all if permission.id not in had]
        await changes.remove_permissions(tx, workspace_id, key.id, [permission.id for permission in removed])
        await queries.link_permissions(tx, workspace_id, [(key.id, p.id) for p in added], now=now)
        target = events.key_target(key.id, key.name or "")
        log = [events.permission_disconnected(target, permission) for permission in removed]
        log += [events.permission_created(permission) for permission in ensured.created]
        log += [events.permission_connected(target, p.id, label=p.name, shown=p.name) for p in added]
        await self._parts.audit.record(tx, caller, log, correlation_id)
        tx.tell(locked.changed(workspace_id))
        created = set(ensured.created)
        return [*(p for p in ensured.all if p not in created), *ensured.created]
