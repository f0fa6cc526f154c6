"""Writing root keys: rows, audit entries and the word to running processes, in the caller's transaction.

Nobody is judged here. The operations judge their caller first; the operator at the terminal needs nobody's leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from unkey_api.areas.keys import rerolls
from unkey_api.areas.keys.errors import KeyExpired
from unkey_api.areas.keys.queries import NewKey, expiry_column, insert_keys
from unkey_api.areas.keys.rerolls import Reroll
from unkey_api.areas.rootkeys import queries
from unkey_api.areas.rootkeys.grants import Grant, Grants
from unkey_api.areas.rootkeys.keyspace import RootKeyspace
from unkey_api.areas.rootkeys.queries import GrantRow, KeyspaceRow, RootKeyRow
from unkey_api.areas.rootkeys.types import RootKeyEnded
from unkey_api.audit.service import AuditLog, changed_members
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import root_key_changed
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, IdSource, KeyId
from unkey_api.core.keymaterial import KeyMaterial, RandomBytes, generate_key
from unkey_api.core.principal import Caller
from unkey_api.infra.mysql import Transaction, WriteConn


def target_of(key_id: str, name: str | None, meta: Mapping[str, object] | None = None) -> AuditTarget:
    """Return a root key as the target of an event."""
    return AuditTarget(TargetType.KEY, key_id, name or key_id, meta or {})


def root_key_event(action: AuditAction, sentence: str, *targets: AuditTarget) -> AuditEvent:
    """Tell that something happened to root keys."""
    return AuditEvent(action, sentence, targets)


def connected(key: AuditTarget, grants: Iterable[Grant]) -> list[AuditEvent]:
    """Tell which permissions a root key got."""
    action = AuditAction.AUTHORIZATION_CONNECT_PERMISSION_AND_KEY
    return [_of_grant(action, f"Added permission {grant.permission} to", key, grant) for grant in grants]


def disconnected(key: AuditTarget, grants: Iterable[Grant]) -> list[AuditEvent]:
    """Tell which permissions a root key lost."""
    action = AuditAction.AUTHORIZATION_DISCONNECT_PERMISSION_AND_KEY
    return [_of_grant(action, f"Removed permission {grant.permission} from", key, grant) for grant in grants]


def _of_grant(action: AuditAction, what: str, key: AuditTarget, grant: Grant) -> AuditEvent:
    target = AuditTarget(TargetType.PERMISSION, grant.permission_id, grant.permission)
    return AuditEvent(action, f"{what} root key {key.id}", (key, target))


PREFIX = "unkey"
SECRET_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyDraft:
    """A root key to write; settled before the transaction, so that a replay writes the same."""

    id: KeyId
    material: KeyMaterial
    created_at: UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeySettings:
    """What a new root key is to be."""

    for_workspace_id: str
    name: str | None
    permissions: Iterable[str]
    """Repetitions count once."""
    expires_ms: int | None = None
    enabled: bool = True


class RootKeyIssuing:
    """Draws secrets and writes root keys with their permissions."""

    def __init__(self, grants: Grants, *, clock: Clock, ids: IdSource, random_bytes: RandomBytes) -> None:
        self._grants = grants
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes

    def draft(self) -> RootKeyDraft:
        """Draw an id and a secret."""
        return RootKeyDraft(
            id=KeyId(self._ids.new(IdPrefix.KEY)),
            material=generate_key(self._random_bytes, byte_length=SECRET_BYTES, prefix=PREFIX),
            created_at=UnixMs(self._clock.now_ms()),
        )

    async def write(
        self, tx: Transaction, draft: RootKeyDraft, root_keyspace: KeyspaceRow, wanted: RootKeySettings
    ) -> list[Grant]:
        """Insert the key and its permissions and return the latter. Raises DuplicateKey when the id is taken."""
        key = NewKey(
            id=draft.id,
            key_auth_id=root_keyspace.key_auth_id,
            hash=draft.material.hash,
            start=draft.material.start,
            workspace_id=root_keyspace.workspace_id,
            for_workspace_id=wanted.for_workspace_id,
            name=wanted.name,
            expires=expiry_column(wanted.expires_ms),
            enabled=wanted.enabled,
            created_at_m=draft.created_at,
        )
        await insert_keys(tx, [key])
        tx.tell(root_key_changed(wanted.for_workspace_id, key.hash))
        return await self._grants.give(tx, root_keyspace.workspace_id, draft.id, wanted.permissions)


class RootKeyState(NamedTuple):
    """What can be changed about a root key."""

    name: str | None
    enabled: bool
    expires: UnixMs | None
    permissions: tuple[str, ...]
    """Everything it may do; sorted, without repetitions."""


class StoredRootKey(NamedTuple):
    """A live root key whose row does not change before the transaction ends, and what it may do."""

    key: RootKeyRow
    held: tuple[GrantRow, ...]
    """Directly and through roles; repetitions are possible."""

    @property
    def permissions(self) -> tuple[str, ...]:
        """Everything the key may do; sorted, without repetitions."""
        return tuple(sorted({grant.permission for grant in self.held}))

    @property
    def state(self) -> RootKeyState:
        """The key as it is."""
        return RootKeyState(self.key.name, self.key.enabled, self.key.expires, self.permissions)


class RootKeyWriter:
    """Creates, changes, replaces and deletes root keys for whoever was allowed to."""

    def __init__(
        self,
        audit: AuditLog,
        root_keyspace: RootKeyspace,
        grants: Grants,
        issuing: RootKeyIssuing,
        *,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._audit = audit
        self._root_keyspace = root_keyspace
        self._grants = grants
        self._issuing = issuing
        self._clock = clock
        self._ids = ids

    async def create(self, tx: Transaction, caller: Caller, wanted: RootKeySettings, draft: RootKeyDraft) -> None:
        """Insert a root key with its permissions. Raises DuplicateKey when the id is taken."""
        granted = await self._issuing.write(tx, draft, await self._root_keyspace.ensure(tx), wanted)
        target = target_of(draft.id, wanted.name)
        log = connected(target, granted)
        log.append(root_key_event(AuditAction.KEY_CREATE, f"Created root key {draft.id}", target))
        await self._audit.record(tx, caller, log, self._ids.new(IdPrefix.CORRELATION))

    async def update(
        self, tx: Transaction, caller: Caller, stored: StoredRootKey, wanted: RootKeyState, *, regrant: bool
    ) -> None:
        """Give a root key another state.

        Args:
            tx: The transaction that holds the key's lock.
            caller: The author.
            stored: The key as it is.
            wanted: What it shall be.
            regrant: Whether `wanted.permissions` are given directly from now on, and roles are taken away. Otherwise
                they must be those that the key has.
        """
        key = stored.key
        shown = target_of(key.id, wanted.name)
        log: list[AuditEvent] = []
        if regrant:
            added, removed = await self._regrant(tx, stored, wanted.permissions)
            log += disconnected(shown, removed) + connected(shown, added)
        now = UnixMs(self._clock.now_ms())
        await queries.update_fields(tx, key, name=wanted.name, enabled=wanted.enabled, expires=wanted.expires, now=now)
        changes = changed_members(stored.state._asdict(), wanted._asdict())
        changed = target_of(key.id, wanted.name, changes)
        log.append(root_key_event(AuditAction.KEY_UPDATE, f"Updated root key {key.id}", changed))
        await self._audit.record(tx, caller, log, self._ids.new(IdPrefix.CORRELATION))
        tx.tell(root_key_changed(key.for_workspace_id, key.hash))

    async def _regrant(
        self, tx: WriteConn, stored: StoredRootKey, permissions: tuple[str, ...]
    ) -> tuple[list[Grant], list[Grant]]:
        """Leave exactly these permissions, given directly, and return what was given and what was taken away."""
        key = stored.key
        direct = {row.permission: row.permission_id for row in stored.held if not row.through_role}
        through_roles = {row.permission: row.permission_id for row in stored.held if row.through_role}
        await queries.take_roles(tx, key)
        surplus = [Grant(direct[text], text) for text in sorted(direct.keys() - set(permissions))]
        await queries.take_grants(tx, key, surplus)
        missing = [text for text in permissions if text not in direct]
        given = await self._grants.give(tx, key.workspace_id, key.id, missing)
        lost = through_roles.keys() - direct.keys() - set(permissions)
        gained = [grant for grant in given if grant.permission not in through_roles]
        return gained, surplus + [Grant(through_roles[text], text) for text in sorted(lost)]

    async def reroll(
        self, tx: Transaction, caller: Caller, stored: StoredRootKey, draft: RootKeyDraft, grace_ms: int | None
    ) -> UnixMs | None:
        """Write a successor with name, switch, expiry and permissions of a key, end that one, and return its end.

        Args:
            tx: The transaction that holds the key's lock.
            caller: The author.
            stored: The old key.
            draft: The new one.
            grace_ms: For how long the old key keeps working, 0 for not at all; never longer than it would have. None
                leaves it alone.

        Raises:
            RootKeyEnded: The key has expired.
            KeyAlreadyRerolled: Its end was set by a reroll, so that a repeated call makes no second successor.
            DuplicateKey: The id of the new key is taken.
        """
        old, now = stored.key, draft.created_at
        await _refuse_ended(tx, old, now)
        wanted = RootKeySettings(
            for_workspace_id=old.for_workspace_id,
            name=old.name,
            permissions=stored.permissions,
            expires_ms=old.expires,
            enabled=old.enabled,
        )
        await self._issuing.write(tx, draft, await self._root_keyspace.ensure(tx), wanted)
        end = old.expires if grace_ms is None else await _end(tx, old, grace_ms, draft)
        ended = changed_members({"expires": old.expires}, {"expires": end})
        targets = target_of(draft.id, old.name), target_of(old.id, old.name, ended)
        event = root_key_event(AuditAction.KEY_REROLL, f"Rerolled root key {old.id} to {draft.id}", *targets)
        await self._audit.record(tx, caller, [event])
        tx.tell(root_key_changed(old.for_workspace_id, old.hash))
        return end

    async def delete(self, tx: Transaction, caller: Caller, key: RootKeyRow) -> None:
        """Soft-delete a locked root key."""
        await queries.mark_deleted(tx, key.for_workspace_id, key.id, now=UnixMs(self._clock.now_ms()))
        event = root_key_event(AuditAction.KEY_DELETE, f"Deleted root key {key.id}", target_of(key.id, key.name))
        await self._audit.record(tx, caller, [event])
        tx.tell(root_key_changed(key.for_workspace_id, key.hash))


async def load_locked(tx: WriteConn, row: RootKeyRow) -> StoredRootKey:
    """Return a key that was just locked with what it may do. Take every other lock before."""
    return StoredRootKey(row, tuple(await queries.list_grants(tx, [row.id])))


async def _refuse_ended(tx: WriteConn, old: RootKeyRow, now: UnixMs) -> None:
    try:
        await rerolls.refuse_ended(tx, old.workspace_id, old.id, old.expires, now=now)
    except KeyExpired as err:
        raise RootKeyEnded from err


async def _end(tx: WriteConn, old: RootKeyRow, grace_ms: int, draft: RootKeyDraft) -> UnixMs:
    # A key is good through the millisecond of its expiry, so one that ends at once ended in the one before.
    now = draft.created_at
    end = rerolls.earlier_end(old.expires, UnixMs(now + grace_ms if grace_ms else now - 1))
    await queries.update_fields(tx, old, name=old.name, enabled=old.enabled, expires=end, now=now)
    await rerolls.record(tx, Reroll(old.id, old.workspace_id, draft.id, end, now))
    return end
