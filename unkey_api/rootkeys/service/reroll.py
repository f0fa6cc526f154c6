"""Replace a root key by one with a new secret."""

from __future__ import annotations

from unkey_api.audit.types import AuditAction
from unkey_api.core.changes import root_key_changed
from unkey_api.core.columns import UnixMs, to_datetime
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction, WriteConn
from unkey_api.keys.service.attempts import with_fresh_ids
from unkey_api.rootkeys import events, queries, requirements, rules
from unkey_api.rootkeys.issuing import RootKeyDraft, RootKeySettings
from unkey_api.rootkeys.queries import KeyspaceRow, RootKeyRow
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
        principal = caller.principal
        old = await locked(tx, principal.workspace_id, key_id)
        require(principal.permissions, requirements.on_root_key(principal.workspace_id, old.id, "write"))
        if grace_ms is not None:
            require(principal.permissions, requirements.on_root_key(principal.workspace_id, old.id, "delete"))
        rules.require_outlived(principal, old.expires, "the key")
        held = sorted({grant.permission for grant in await queries.list_grants(tx, [old.id])})
        rules.require_held(principal, held)
        wanted = RootKeySettings(
            for_workspace_id=old.for_workspace_id,
            name=old.name,
            permissions=held,
            expires_ms=old.expires,
            enabled=old.enabled,
        )
        await self._parts.issuing.write(tx, draft, KeyspaceRow(old.key_auth_id, old.workspace_id), wanted)
        await self._end(tx, old, grace_ms, now)
        targets = events.target_of(draft.id, old.name), events.target_of(old.id, old.name)
        event = events.changed(AuditAction.KEY_REROLL, f"Rerolled root key {old.id} to {draft.id}", *targets)
        await self._parts.audit.record(tx, caller, [event])
        tx.tell(root_key_changed(old.for_workspace_id, old.hash))

    async def _end(self, tx: WriteConn, old: RootKeyRow, grace_ms: int | None, now: UnixMs) -> None:
        if grace_ms is None:
            return
        # A key is good through the millisecond of its expiry, so one that ends at once ended in the one before.
        end = UnixMs(now + grace_ms if grace_ms else now - 1)
        if old.expires is None or end < old.expires:
            await queries.update_expires(tx, old, expires=to_datetime(end), now=now)
