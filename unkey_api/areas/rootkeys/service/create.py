"""Create a root key."""

from __future__ import annotations

from unkey_api.areas.keys.service.attempts import with_fresh_ids
from unkey_api.areas.rootkeys import requirements, rules
from unkey_api.areas.rootkeys.issuing import RootKeyDraft, RootKeySettings
from unkey_api.areas.rootkeys.service.parts import RootKeyParts
from unkey_api.areas.rootkeys.types import CreateRootKeyCommand, IssuedRootKey
from unkey_api.core.needs import ANY
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


class CreateRootKey:
    """Creates a root key for the caller's workspace."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: CreateRootKeyCommand) -> IssuedRootKey:
        """Create the key with its permissions; all of it or nothing.

        Raises:
            InsufficientPermissions: The caller may not create root keys, or lacks one of the permissions, now.
            ExpiryInThePast: It would be created expired.
            OutlivesCaller: The caller expires, and the key would not or later.
            PermissionUnsupported: A permission is malformed, of another workspace, or means nothing.
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            StoreUnavailable: Nothing was created.
        """

        async def attempt() -> IssuedRootKey:
            draft = self._parts.issuing.draft()
            await self._parts.database.transaction(
                "root_keys.create", lambda tx: self._write(tx, caller, command, draft)
            )
            return IssuedRootKey(draft.id, draft.material.plaintext)

        return await with_fresh_ids(attempt, self._parts.sleep)

    def _check(self, principal: Principal, command: CreateRootKeyCommand) -> None:
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, ANY, "write"))
        rules.require_ahead(command.expires_ms, self._parts.clock.now_ms())
        rules.require_outlived(principal, command.expires_ms, "the new key")
        rules.require_supported(principal.workspace_id, command.permissions)
        rules.require_held(principal, command.permissions)

    async def _write(self, tx: Transaction, caller: Caller, command: CreateRootKeyCommand, draft: RootKeyDraft) -> None:
        callers = self._parts.callers
        self._check(await (await callers.lock(tx, caller.principal)).judge(tx), command)
        wanted = RootKeySettings(
            for_workspace_id=caller.principal.workspace_id,
            name=command.name,
            permissions=command.permissions,
            expires_ms=command.expires_ms,
        )
        await self._parts.writer.create(tx, caller, wanted, draft)
