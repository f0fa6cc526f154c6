"""Replace a root key by one with a new secret."""

from __future__ import annotations

from unkey_api.audit.changes import changed_members
from unkey_api.audit.types import AuditAction
from unkey_api.core.changes import root_key_changed
from unkey_api.core.columns import UnixMs, to_datetime
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction, WriteConn
from unkey_api.keys import rerolls
from unkey_api.keys.errors import KeyExpired
from unkey_api.keys.rerolls import Reroll
from unkey_api.keys.service.attempts import with_fresh_ids
from unkey_api.rootkeys import events, queries, requirements, rules
from unkey_api.rootkeys.errors import RootKeyEnded
from unkey_api.rootkeys.issuing import RootKeyDraft, RootKeySettings
from unkey_api.rootkeys.queries import RootKeyRow
from unkey_api.rootkeys.service.parts import RootKeyParts, locked
from unkey_api.rootkeys.types import IssuedRootKey


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
            AppError: The caller was revoked meanwhile, as `CallerStanding` says.
            RootKeyEnded: The key has expired.
            KeyAlreadyRerolled: Its end was set by a reroll, so that a repeated call makes no second successor.
            OutlivesCaller: The caller expires, and the key does not or later.
            StoreUnavailable: Nothing was changed.
        """

        async def attempt() -> IssuedRootKey:
            draft, now = self._parts.issuing.draft(), self._parts.now()
            await self._parts.database.transaction(
                "root_keys.reroll", lambda tx: self._write(tx, caller, key_id, grace_ms, draft, now)
            )
            return IssuedRootKey(draft.id, draft.material.plaintext)

        return await with_fresh_ids(attempt, self._parts.sleep)

    async def _write(
        self, tx: Transaction, caller: Caller, key_id: str, grace_ms: int | None, draft: RootKeyDraft, now: UnixMs
    ) -> None:
        target = await locked(tx, self._parts.standing, caller.principal, key_id)
        principal, old = target.by, target.key
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, old.id, "write"))
        if grace_ms is not None:
            require(principal.permissions, requirements.on_root_key(principal.workspace_id, old.id, "delete"))
        rules.require_outlived(principal, old.expires, "the key")
        rules.require_held(principal, target.permissions)
        await self._refuse_ended(tx, old, now)
        wanted = RootKeySettings(
            for_workspace_id=old.for_workspace_id,
            name=old.name,
            permissions=target.permissions,
            expires_ms=old.expires,
            enabled=old.enabled,
        )
        await self._parts.issuing.write(tx, draft, await self._parts.home.ensure(tx), wanted)
        end = old.expires if grace_ms is None else await self._end(tx, old, grace_ms, draft, now)
        ended = changed_members({"expires": old.expires}, {"expires": end})
        targets = events.target_of(draft.id, old.name), events.target_of(old.id, old.name, ended)
        event = events.changed(AuditAction.KEY_REROLL, f"Rerolled root key {old.id} to {draft.id}", *targets)
        await self._parts.audit.record(tx, caller, [event])
        tx.tell(root_key_changed(old.for_workspace_id, old.hash))

    @staticmethod
    async def _refuse_ended(tx: WriteConn, old: RootKeyRow, now: UnixMs) -> None:
        try:
            await rerolls.refuse_ended(tx, old.workspace_id, old.id, old.expires, now=now)
        except KeyExpired as err:
            raise RootKeyEnded from err

    @staticmethod
    async def _end(tx: WriteConn, old: RootKeyRow, grace_ms: int, draft: RootKeyDraft, now: UnixMs) -> UnixMs:
        # A key is good through the millisecond of its expiry, so one that ends at once ended in the one before.
        end = rerolls.earlier_end(old.expires, UnixMs(now + grace_ms if grace_ms else now - 1))
        await queries.update_expires(tx, old, expires=to_datetime(end), now=now)
        await rerolls.record(tx, Reroll(old.id, old.workspace_id, draft.id, end, now))
        return end
