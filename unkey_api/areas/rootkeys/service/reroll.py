"""Replace a root key by one with a new secret."""

from __future__ import annotations

from unkey_api.areas.keys.service.attempts import with_fresh_ids
from unkey_api.areas.rootkeys import requirements, rules
from unkey_api.areas.rootkeys.issuing import RootKeyDraft
from unkey_api.areas.rootkeys.service.parts import RootKeyParts, locked
from unkey_api.areas.rootkeys.types import IssuedRootKey
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction


class RerollRootKey:
    """Makes a root key like another one."""

    def __init__(self, parts: RootKeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, grace_ms: int | None) -> IssuedRootKey:
        """Create a key with name, switch, expiry and effective permissions of the old one, and end that one.

        Args:
            caller: Who asks.
            key_id: The old key.
            grace_ms: For how long the old key keeps working, 0 for not at all; never longer than it would have. None
                leaves it alone.

        Raises:
            RootKeyNotFound: The workspace has no such root key.
            InsufficientPermissions: The caller may not change the key, may not end it, or lacks a permission of it.
            AppError: The caller was revoked meanwhile, as `HeldCaller` says.
            RootKeyEnded: The key has expired.
            KeyAlreadyRerolled: Its end was set by a reroll, so that a repeated call makes no second successor.
            OutlivesCaller: The caller expires, and the key does not or later.
            StoreUnavailable: Nothing was changed.
        """

        async def attempt() -> IssuedRootKey:
            draft = self._parts.issuing.draft()
            await self._parts.database.transaction(
                "root_keys.reroll", lambda tx: self._write(tx, caller, key_id, grace_ms, draft)
            )
            return IssuedRootKey(draft.id, draft.material.plaintext)

        return await with_fresh_ids(attempt, self._parts.sleep)

    async def _write(
        self, tx: Transaction, caller: Caller, key_id: str, grace_ms: int | None, draft: RootKeyDraft
    ) -> None:
        principal, stored = await locked(tx, self._parts.callers, caller.principal, key_id)
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, stored.key.id, "write"))
        if grace_ms is not None:
            require(principal.permissions, requirements.on_root_key(principal.workspace_id, stored.key.id, "delete"))
        rules.require_outlived(principal, stored.key.expires, "the key")
        rules.require_held(principal, stored.permissions)
        await self._parts.writer.reroll(tx, caller, stored, draft, grace_ms)
