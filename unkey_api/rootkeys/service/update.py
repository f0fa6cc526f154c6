"""Change a root key."""

from __future__ import annotations

from unkey_api.audit.types import AuditAction, AuditEvent
from unkey_api.core.changes import root_key_changed
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction, WriteConn
from unkey_api.rootkeys import events, queries, requirements, rules
from unkey_api.rootkeys.grants import Grant
from unkey_api.rootkeys.queries import RootKeyRow
from unkey_api.rootkeys.service.parts import RootKeyParts, locked
from unkey_api.rootkeys.types import UpdateRootKeyCommand


class UpdateRootKey:
    """Changes name, switch and permissions of a root key."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: UpdateRootKeyCommand) -> None:
        """Change what the command names. This process acts on it from the next request on.

        Raises:
            RootKeyNotFound: The workspace has no such root key.
            InsufficientPermissions: The caller may not change it, or lacks one of the permissions.
            OutlivesCaller: The caller expires, and the key does not or later.
            PermissionUnsupported: A permission is malformed, of another workspace or of no known resource.
            StoreUnavailable: Nothing was changed.
        """
        await self._parts.database.transaction("root_keys.update", lambda tx: self._write(tx, caller, command))

    async def _write(self, tx: Transaction, caller: Caller, command: UpdateRootKeyCommand) -> None:
        principal = caller.principal
        key = await locked(tx, principal.workspace_id, command.key_id)
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, key.id, "write"))
        rules.require_outlived(principal, key.expires, "the key")
        name = command.name if command.set_name else key.name
        target = events.target_of(key.id, name)
        log: list[AuditEvent] = []
        if command.permissions is not None:
            rules.require_supported(principal.workspace_id, command.permissions)
            rules.require_held(principal, command.permissions)
            added, removed = await self._replace(tx, key, command.permissions)
            log += events.disconnected(target, removed) + events.connected(target, added)
        enabled = key.enabled if command.enabled is None else command.enabled
        await queries.update_fields(tx, key, name=name, enabled=enabled, now=self._parts.now())
        log.append(events.changed(AuditAction.KEY_UPDATE, f"Updated root key {key.id}", target))
        await self._parts.audit.record(tx, caller, log, self._parts.correlation_id())
        tx.tell(root_key_changed(key.for_workspace_id, key.hash))

    async def _replace(
        self, tx: WriteConn, key: RootKeyRow, permissions: tuple[str, ...]
    ) -> tuple[list[Grant], list[Grant]]:
        """Leave exactly these permissions, given directly, and return what was given and what was taken away."""
        rows = await queries.list_grants(tx, [key.id])
        direct = {row.permission: row.permission_id for row in rows if not row.through_role}
        through_roles = {row.permission: row.permission_id for row in rows if row.through_role}
        await queries.take_roles(tx, key)
        surplus = [Grant(direct[text], text) for text in sorted(direct.keys() - set(permissions))]
        await queries.take_grants(tx, key, surplus)
        missing = [text for text in permissions if text not in direct]
        given = await self._parts.grants.give(tx, key.workspace_id, key.id, missing)
        lost = through_roles.keys() - direct.keys() - set(permissions)
        gained = [grant for grant in given if grant.permission not in through_roles]
        return gained, surplus + [Grant(through_roles[text], text) for text in sorted(lost)]
