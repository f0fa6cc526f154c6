"""Replace a key by one with a new secret."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.areas.keys import change_queries, queries, requirements, rerolls
from unkey_api.areas.keys.errors import EncryptionUnsupported, NoVault
from unkey_api.areas.keys.live_queries import LiveKey, get_key
from unkey_api.areas.keys.queries import NewEncryptedKey, NewKey, new_ratelimits
from unkey_api.areas.keys.rerolls import Reroll
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.create import CreatedKey
from unkey_api.areas.keys.service.parts import KeyParts, encrypt, length_of
from unkey_api.areas.parts import with_fresh_ids
from unkey_api.audit.types import AuditEvent
from unkey_api.core.changes import key_changed
from unkey_api.core.columns import UnixMs, to_datetime
from unkey_api.core.ids import IdPrefix, KeyId
from unkey_api.core.keymaterial import KeyMaterial, generate_key
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction, WriteConn
from unkey_api.infra.vault import Ciphertext

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class _Draft:
    """Everything that is settled before the transaction, so that a replay writes the same."""

    new_id: KeyId
    material: KeyMaterial
    ciphertext: Ciphertext | None
    grace_ms: int | None
    now: UnixMs


class RerollKey:
    """Issues a key with a new secret and the settings of an old one, which ends after a grace period."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, *, grace_ms: int | None) -> CreatedKey:
        """Issue the new key and give the old one its end.

        Args:
            caller: Who asks.
            key_id: The old key.
            grace_ms: How long the old key goes on, 0 or more; then moved on to the next full minute, but never past the
                end it has. 0 ends it at once, None leaves its end as it is, and the key may be rerolled again.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            KeyExpired: It has ended.
            KeyAlreadyRerolled: Its end was set by a reroll, so that a repeated call makes no second successor.
            InsufficientPermissions: The caller may not create keys there, or not encrypt them.
            NoVault: The key is recoverable, and no vault is configured.
            EncryptionUnsupported: The key is recoverable, and the keyspace keeps no secrets any more.
            EncryptionFailed: The vault failed.
            StoreUnavailable: Nothing was changed.
        """
        parts = self._parts
        key = await get_key(parts.database.primary, caller.principal, key_id)
        self._authorize(caller, key)
        material = generate_key(
            parts.random_bytes, byte_length=length_of(None, key.default_bytes), prefix=prefix_of(key)
        )
        ciphertext = await self._encrypted(key, material) if key.encrypted is not None else None
        await parts.credits.flush(key.id)

        async def attempt() -> KeyId:
            draft = _Draft(KeyId(parts.ids.new(IdPrefix.KEY)), material, ciphertext, grace_ms, parts.now())
            await parts.database.transaction("keys.reroll", lambda tx: self._write(tx, caller, key_id, draft))
            return draft.new_id

        new_id = await with_fresh_ids(attempt, parts.sleep)
        return CreatedKey(new_id, material.plaintext)

    def _authorize(self, caller: Caller, key: LiveKey) -> None:
        permissions = caller.principal.permissions
        require(permissions, requirements.create_in(key.workspace_id, key.api_id, key.keyspace_id))
        if key.encrypted is not None:
            require(permissions, requirements.encrypt_in(key.workspace_id, key.api_id, key.keyspace_id))

    async def _encrypted(self, key: LiveKey, material: KeyMaterial) -> Ciphertext:
        if self._parts.vault is None:
            raise NoVault
        if not key.store_encrypted_keys:
            raise EncryptionUnsupported
        return await encrypt(self._parts.vault, key.workspace_id, material.plaintext)

    async def _write(self, tx: Transaction, caller: Caller, key_id: str, draft: _Draft) -> None:
        """Copy the key as it is under its lock: what was read before decided only whether it may be copied at all."""
        workspace_id, now = caller.principal.workspace_id, draft.now
        locked = await change_queries.lock(tx, workspace_id, key_id)
        old = await get_key(tx, caller.principal, key_id)
        await rerolls.refuse_ended(tx, workspace_id, old.id, old.expires, now=now)
        await self._copy(tx, old, draft)
        if draft.grace_ms is not None:
            ends_at = rerolls.earlier_end(old.expires, end_of_grace(now, draft.grace_ms))
            await change_queries.set_expiry(tx, workspace_id, old.id, to_datetime(ends_at), now=now)
            await rerolls.record(tx, Reroll(old.id, workspace_id, draft.new_id, ends_at, now))
        await self._parts.audit.record(tx, caller, [_rerolled(old, draft.new_id)])
        tx.tell(locked.changed(workspace_id), key_changed(workspace_id, draft.material.hash, old.keyspace_id))

    async def _copy(self, tx: WriteConn, old: LiveKey, draft: _Draft) -> None:
        workspace_id, new_id, now = old.workspace_id, draft.new_id, draft.now
        await queries.insert_keys(tx, [_successor(old, draft)])
        if draft.ciphertext is not None:
            stored = NewEncryptedKey(workspace_id, new_id, now, draft.ciphertext.encrypted, draft.ciphertext.key_id)
            await queries.insert_encrypted(tx, stored)
        limits = await queries.list_ratelimits(tx, workspace_id, old.id)
        await queries.put_ratelimits(tx, new_ratelimits(self._parts.ids, workspace_id, new_id, limits, now=now))
        await queries.copy_grants(tx, workspace_id, old.id, new_id, now=now)


def prefix_of(key: LiveKey) -> str:
    """Return the prefix of a key as it is displayed, else that of its keyspace, else nothing. It may hold `_`."""
    return key.start.rpartition("_")[0] or key.default_prefix or ""


def end_of_grace(now: UnixMs, grace_ms: int) -> UnixMs:
    """Return when a key with this grace ends: now, or the first full minute after the grace."""
    if grace_ms == 0:
        return now
    return UnixMs(((now + grace_ms) // MINUTE_MS + 1) * MINUTE_MS)


def _successor(old: LiveKey, draft: _Draft) -> NewKey:
    return NewKey(
        id=draft.new_id,
        key_auth_id=old.keyspace_id,
        hash=draft.material.hash,
        start=draft.material.start,
        workspace_id=old.workspace_id,
        created_at_m=draft.now,
        for_workspace_id=old.for_workspace_id,
        name=old.name,
        identity_id=old.identity_id,
        meta=old.meta,
        expires=queries.expiry_column(old.expires),
        enabled=old.enabled,
        remaining_requests=old.remaining_requests,
        refill_day=old.refill_day,
        refill_amount=old.refill_amount,
    )


def _rerolled(old: LiveKey, new_id: KeyId) -> AuditEvent:
    name = old.name or ""
    api = events.api_target(old.api_id, old.api_name)
    return events.key_rerolled(events.key_target(old.id, name), events.key_target(new_id, name), api)
