"""Change a root key."""

from __future__ import annotations

from typing import NamedTuple

from unkey_api.audit.changes import changed_members
from unkey_api.audit.types import AuditAction, AuditEvent
from unkey_api.core.changes import root_key_changed
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction, WriteConn
from unkey_api.rootkeys import events, queries, requirements, rules
from unkey_api.rootkeys.grants import Grant
from unkey_api.rootkeys.service.parts import RootKeyParts, Target, locked
from unkey_api.rootkeys.types import UpdateRootKeyCommand


class UpdateRootKey:
    """Changes name, switch and permissions of a root key."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: UpdateRootKeyCommand) -> None:
        """Change what the command names. This process acts on it from the next request on.

        Raises:
            RootKeyNotFound: The workspace has no such root key.
            InsufficientPermissions: The caller may not change it; it lacks one of the permissions, or when the key is
                switched on one that the key has; or it may not delete the key, when that is switched off or loses a
                permission.
            AppError: The caller was revoked meanwhile, as `CallerStanding` says.
            OutlivesCaller: The caller expires, and the key does not or later.
            PermissionUnsupported: A permission is malformed, of another workspace, or means nothing.
            StoreUnavailable: Nothing was changed.
        """
        await self._parts.database.transaction("root_keys.update", lambda tx: self._write(tx, caller, command))

    async def _write(self, tx: Transaction, caller: Caller, command: UpdateRootKeyCommand) -> None:
        target = await locked(tx, self._parts.standing, caller.principal, command.key_id)
        key = target.key
        wanted = _wanted(target, command)
        _authorize(target, command, wanted)
        before = _State(key.name, key.enabled, tuple(target.permissions))
        shown = events.target_of(key.id, wanted.name)
        log: list[AuditEvent] = []
        if command.permissions is not None:
            added, removed = await self._replace(tx, target, command.permissions)
            log += events.disconnected(shown, removed) + events.connected(shown, added)
        await queries.update_fields(tx, key, name=wanted.name, enabled=wanted.enabled, now=self._parts.now())
        changes = changed_members(before._asdict(), wanted._asdict())
        changed = events.target_of(key.id, wanted.name, changes)
        log.append(events.changed(AuditAction.KEY_UPDATE, f"Updated root key {key.id}", changed))
        await self._parts.audit.record(tx, caller, log, self._parts.correlation_id())
        tx.tell(root_key_changed(key.for_workspace_id, key.hash))

    async def _replace(
        self, tx: WriteConn, target: Target, permissions: tuple[str, ...]
    ) -> tuple[list[Grant], list[Grant]]:
        """Leave exactly these permissions, given directly, and return what was given and what was taken away."""
        key = target.key
        direct = {row.permission: row.permission_id for row in target.held if not row.through_role}
        through_roles = {row.permission: row.permission_id for row in target.held if row.through_role}
        await queries.take_roles(tx, key)
        surplus = [Grant(direct[text], text) for text in sorted(direct.keys() - set(permissions))]
        await queries.take_grants(tx, key, surplus)
        missing = [text for text in permissions if text not in direct]
        given = await self._parts.grants.give(tx, key.workspace_id, key.id, missing)
        lost = through_roles.keys() - direct.keys() - set(permissions)
        gained = [grant for grant in given if grant.permission not in through_roles]
        return gained, surplus + [Grant(through_roles[text], text) for text in sorted(lost)]


class _State(NamedTuple):
    """What an update can change about a root key."""

    name: str | None
    enabled: bool
    permissions: tuple[str, ...]


def _wanted(target: Target, command: UpdateRootKeyCommand) -> _State:
    return _State(
        name=command.name if command.set_name else target.key.name,
        enabled=target.key.enabled if command.enabled is None else command.enabled,
        permissions=tuple(sorted(set(target.permissions if command.permissions is None else command.permissions))),
    )


def _authorize(target: Target, command: UpdateRootKeyCommand, wanted: _State) -> None:
    """Judge the caller as it is now. What makes the key stronger needs what it gets, what makes it weaker `delete`.

    Otherwise whoever may rename keys could switch a leaked one on again, or every other one off.
    """
    caller, key = target.by, target.key
    require(caller.permissions, requirements.on_root_key(caller.workspace_id, key.id, "write"))
    rules.require_outlived(caller, key.expires, "the key")
    if command.permissions is not None:
        rules.require_supported(caller.workspace_id, command.permissions)
        rules.require_held(caller, command.permissions)
    if wanted.enabled and not key.enabled:
        rules.require_held(caller, wanted.permissions)
    weaker = (key.enabled and not wanted.enabled) or not set(target.permissions) <= set(wanted.permissions)
    if weaker:
        require(caller.permissions, requirements.on_root_key(caller.workspace_id, key.id, "delete"))
