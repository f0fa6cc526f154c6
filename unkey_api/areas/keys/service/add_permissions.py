"""Give a key more permissions."""

from __future__ import annotations

from collections.abc import Sequence

from unkey_api.areas.keys import changes, queries
from unkey_api.areas.keys.errors import KeyNotFound
from unkey_api.areas.keys.live import LiveKey, get_key
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.permissions import queries as permission_queries
from unkey_api.areas.permissions.ensure import ensure_permissions, new_permissions
from unkey_api.areas.permissions.queries import NewPermission
from unkey_api.areas.permissions.requirements import create_missing_permissions
from unkey_api.areas.permissions.types import Permission
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
        parts = self._parts
        key = await get_key(parts.database.primary, caller.principal, key_id)
        require(caller.principal.permissions, key.needs_grants("add_permission_to_key"))
        wanted = await self.prepare(caller, key, slugs)
        correlation_id, now = parts.ids.new(IdPrefix.CORRELATION), parts.now()

        async def work(tx: Transaction) -> list[Permission]:
            return await self._write(tx, caller, key, wanted, correlation_id, now=now)

        return await parts.database.transaction("keys.add_permissions", work)

    async def prepare(self, caller: Caller, key: LiveKey, slugs: Sequence[str]) -> dict[str, NewPermission]:
        """Return the permissions by slug, as they would be created.

        Raises:
            InsufficientPermissions: Some are missing and the caller may not create any.
        """
        wanted = tuple(dict.fromkeys(slugs))
        project_id = await self._parts.projects.ensure(self._parts.database.primary, key.workspace_id)
        present = await permission_queries.list_permissions(self._parts.database.primary, key.workspace_id, wanted)
        if len(present) < len(wanted):
            require(caller.principal.permissions, create_missing_permissions(key.workspace_id))
        return new_permissions(self._parts.ids, key.workspace_id, project_id, wanted, now=self._parts.now())

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
        linked = {permission.id for permission in current}
        ensured = await ensure_permissions(tx, workspace_id, wanted)
        added = [permission for permission in ensured.all if permission.id not in linked]
        await queries.link_permissions(tx, workspace_id, [(key.id, p.id) for p in added], now=now)
        target = events.key_target(key.id, key.name or "")
        log = [events.permission_created(permission) for permission in ensured.created]
        log += [events.permission_connected(target, p.id, label=p.name, shown=p.name) for p in added]
        await self._parts.audit.record(tx, caller, log, correlation_id)
        tx.tell(locked.changed(workspace_id))
        return [*current, *added]
