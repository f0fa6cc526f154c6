"""Change a root key."""

from __future__ import annotations

from unkey_api.areas.rootkeys import requirements, rules
from unkey_api.areas.rootkeys.service.parts import RootKeyParts, Target, locked
from unkey_api.areas.rootkeys.types import UpdateRootKeyCommand
from unkey_api.areas.rootkeys.writing import RootKeyState
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


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
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            OutlivesCaller: The caller expires, and the key does not or later.
            PermissionUnsupported: A permission is malformed, of another workspace, or means nothing.
            StoreUnavailable: Nothing was changed.
        """
        await self._parts.database.transaction("root_keys.update", lambda tx: self._write(tx, caller, command))

    async def _write(self, tx: Transaction, caller: Caller, command: UpdateRootKeyCommand) -> None:
        target = await locked(tx, self._parts.callers, caller.principal, command.key_id)
        wanted = _wanted(target.stored.state, command)
        _authorize(target, command, wanted)
        regrant = command.permissions is not None
        await self._parts.writer.update(tx, caller, target.stored, wanted, regrant=regrant)


def _wanted(now: RootKeyState, command: UpdateRootKeyCommand) -> RootKeyState:
    return now._replace(
        name=command.name if command.set_name else now.name,
        enabled=now.enabled if command.enabled is None else command.enabled,
        permissions=now.permissions if command.permissions is None else tuple(sorted(set(command.permissions))),
    )


def _authorize(target: Target, command: UpdateRootKeyCommand, wanted: RootKeyState) -> None:
    """Judge the caller as it is now. What makes the key stronger needs what it gets, what makes it weaker `delete`.

    Otherwise whoever may rename keys could switch a leaked one on again, or every other one off.
    """
    caller, (key, _) = target
    require(caller.permissions, requirements.on_root_key(caller.workspace_id, key.id, "write"))
    rules.require_outlived(caller, key.expires, "the key")
    if command.permissions is not None:
        rules.require_supported(caller.workspace_id, command.permissions)
        rules.require_held(caller, command.permissions)
    if wanted.enabled and not key.enabled:
        rules.require_held(caller, wanted.permissions)
    weaker = (key.enabled and not wanted.enabled) or not set(target.stored.permissions) <= set(wanted.permissions)
    if weaker:
        require(caller.permissions, requirements.on_root_key(caller.workspace_id, key.id, "delete"))
