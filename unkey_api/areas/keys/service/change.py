"""Change a key and its credits, or delete it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from unkey_api.areas.identities.queries import NewIdentity, ensure_identity
from unkey_api.areas.keys import change_queries, queries
from unkey_api.areas.keys.change_queries import FieldChanges
from unkey_api.areas.keys.errors import (
    CreditsTooLarge,
    CreditsUnlimited,
    CreditValueMissing,
    RefillDayMissing,
    RefillDayRefused,
)
from unkey_api.areas.keys.live_queries import LiveKey, get_key_for
from unkey_api.areas.keys.queries import NewRatelimit, new_ratelimits
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.events import state_of
from unkey_api.areas.keys.service.grants import find_roles
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.keys.types import (
    META_BYTES_MAX,
    UNSET,
    CreditChanges,
    CreditOperation,
    Refill,
    RefillInterval,
    Unset,
    UpdateKeyCommand,
)
from unkey_api.areas.permissions.ensure import ensure_permissions, new_permissions
from unkey_api.areas.permissions.queries import NewPermission
from unkey_api.areas.permissions.types import Permission
from unkey_api.audit.service import changed_members
from unkey_api.core.ids import CorrelationId, IdentityId, IdPrefix
from unkey_api.core.principal import Caller
from unkey_api.core.text import require_bytes_at_most
from unkey_api.infra.mysql import Transaction

CREATED_BY_UPDATE = "Auto-created permission: {slug}"


@dataclass(frozen=True, slots=True)
class _Draft:
    """Everything that is settled before the transaction, so that a replay writes the same."""

    key: LiveKey
    fields: FieldChanges
    identity: NewIdentity | None
    limits: list[NewRatelimit] | None
    """None leaves limits alone, as below."""
    permissions: dict[str, NewPermission] | None
    roles: tuple[str, ...] | None
    correlation_id: CorrelationId


class UpdateKey:
    """Changes a key; what is not mentioned stays."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: UpdateKeyCommand) -> None:
        """Make all changes or none. Verifications on this node see them at once.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not change it.
            InvalidInput: The refill contradicts itself, or the metadata is too large.
            RoleNotFound: A role does not exist.
            PermissionDiffersInCase: A new permission differs from an existing one in letter case only.
            StoreUnavailable: Nothing was changed.
        """
        parts = self._parts
        primary = parts.database.primary
        key = await get_key_for(primary, caller.principal, command.key_id, lambda key: key.needs("update_key"))
        project_id = await parts.projects.ensure(parts.database.primary, key.workspace_id)
        draft = self._draft(command, key, project_id)
        if command.credits is not UNSET:
            await parts.credits.flush(key.id)

        async def recount(_: None) -> None:
            if command.credits is not UNSET:
                await parts.credits.invalidate(key.id)

        await parts.database.transaction("keys.update", lambda tx: self._write(tx, caller, draft), on_commit=recount)

    def _draft(self, command: UpdateKeyCommand, key: LiveKey, project_id: str) -> _Draft:
        ids, now, workspace_id = self._parts.ids, self._parts.now(), key.workspace_id
        fields = FieldChanges(
            id=key.id, workspace_id=workspace_id, now=now, set_identity_id=command.external_id is None
        )
        identity = None
        if isinstance(command.external_id, str):
            id_ = IdentityId(ids.new(IdPrefix.IDENTITY))
            identity = NewIdentity(id_, command.external_id, workspace_id, project_id, created_at=now)
        limits = permissions = roles = None
        if not isinstance(command.ratelimits, Unset):
            limits = new_ratelimits(ids, workspace_id, key.id, command.ratelimits, now=now)
        if not isinstance(command.permissions, Unset):
            slugs = dict.fromkeys(command.permissions)
            permissions = new_permissions(ids, workspace_id, project_id, slugs, now=now, description=CREATED_BY_UPDATE)
        if not isinstance(command.roles, Unset):
            roles = command.roles
        correlation_id = CorrelationId(ids.new(IdPrefix.CORRELATION))
        return _Draft(
            key, with_credits(with_plain_fields(fields, command), command.credits), identity, limits, permissions,
            roles, correlation_id,
        )  # fmt: skip

    async def _write(self, tx: Transaction, caller: Caller, draft: _Draft) -> None:
        key, fields = draft.key, draft.fields
        locked = await change_queries.lock(tx, key.workspace_id, key.id)
        before = await state_of(tx, caller.principal, key.id)
        if draft.identity is not None:
            identity_id = await ensure_identity(tx, draft.identity)
            fields = replace(fields, set_identity_id=True, identity_id=identity_id)
        await change_queries.update_fields(tx, fields)
        if draft.limits is not None:
            await change_queries.keep_ratelimits(tx, key.workspace_id, key.id, [limit.name for limit in draft.limits])
            await queries.put_ratelimits(tx, draft.limits)
        created = await self._replace_permissions(tx, draft)
        await self._replace_roles(tx, draft)
        log = [events.permission_created(permission) for permission in created]
        api = events.api_target(key.api_id, key.api_name)
        told = changed_members(before, await state_of(tx, caller.principal, key.id))
        log.append(events.key_updated(events.key_target(key.id, key.name or "", told), api))
        await self._parts.audit.record(tx, caller, log, draft.correlation_id)
        tx.tell(locked.changed(key.workspace_id))

    async def _replace_permissions(self, tx: Transaction, draft: _Draft) -> tuple[Permission, ...]:
        if draft.permissions is None:
            return ()
        key, now = draft.key, draft.fields.now
        ensured = await ensure_permissions(tx, key.workspace_id, draft.permissions)
        await change_queries.keep_permissions(
            tx, key.workspace_id, key.id, [permission.id for permission in ensured.all]
        )
        links = [(key.id, permission.id) for permission in ensured.all]
        await queries.link_permissions(tx, key.workspace_id, links, now=now)
        return ensured.created

    async def _replace_roles(self, tx: Transaction, draft: _Draft) -> None:
        if draft.roles is None:
            return
        key = draft.key
        roles = await find_roles(tx, key.workspace_id, draft.roles)
        await change_queries.keep_roles(tx, key.workspace_id, key.id, [role.id for role in roles])
        links = [(key.id, role.id) for role in roles]
        await queries.link_roles(tx, key.workspace_id, links, now=draft.fields.now)


def with_plain_fields(fields: FieldChanges, command: UpdateKeyCommand) -> FieldChanges:
    """Add name, metadata, expiry and switch.

    Raises:
        InvalidInput: The metadata is too large.
    """
    if not isinstance(command.name, Unset):
        fields = replace(fields, set_name=True, name=command.name)
    if not isinstance(command.meta, Unset):
        if command.meta is not None:
            require_bytes_at_most("`meta`", command.meta, cap=META_BYTES_MAX)
        fields = replace(fields, set_meta=True, meta=command.meta)
    if not isinstance(command.expires_ms, Unset):
        fields = replace(fields, set_expires=True, expires=queries.expiry_column(command.expires_ms))
    if not isinstance(command.enabled, Unset):
        fields = replace(fields, set_enabled=True, enabled=command.enabled)
    return fields


def with_credits(fields: FieldChanges, wanted: CreditChanges | Unset | None) -> FieldChanges:
    """Add balance and refill. An unlimited balance takes the refill with it, unless a new one is given.

    Raises:
        RefillDayMissing: A monthly refill has no day.
        RefillDayRefused: A daily refill has one.
    """
    if isinstance(wanted, Unset):
        return fields
    if wanted is None:
        wanted = CreditChanges(remaining=None)
    if not isinstance(wanted.remaining, Unset):
        fields = replace(fields, set_remaining=True, remaining=wanted.remaining)
    if isinstance(wanted.refill, Refill):
        _check_refill(wanted.refill)
        return replace(fields, set_refill=True, refill_day=wanted.refill.day, refill_amount=wanted.refill.amount)
    if wanted.refill is None or wanted.remaining is None:
        return replace(fields, set_refill=True)
    return fields


def _check_refill(refill: Refill) -> None:
    if refill.interval is RefillInterval.MONTHLY and refill.day is None:
        raise RefillDayMissing
    if refill.interval is RefillInterval.DAILY and refill.day is not None:
        raise RefillDayRefused


CREDITS_MAX = 2**63 - 1
"""More cannot be shown: answers carry signed 64-bit numbers."""


@dataclass(frozen=True, slots=True)
class CreditState:
    """Credits after the change."""

    remaining: int | None
    """None: unlimited."""
    refill_amount: int | None
    refill_day: int | None


class UpdateCredits:
    """Changes how many uses a key has left."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(
        self, caller: Caller, key_id: str, operation: CreditOperation, *, value: int | Unset | None
    ) -> CreditState:
        """Change the balance and return it. What any process has spent is written before.

        Args:
            caller: Who asks.
            key_id: The key.
            operation: `decrement` stops at zero.
            value: 0 or more. To set: None and nothing both mean unlimited, and None drops the refill as well.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not change it.
            InvalidInput: The operation makes no sense for the value or for the key.
            StoreUnavailable: Nothing was changed.
        """
        primary = self._parts.database.primary
        key = await get_key_for(primary, caller.principal, key_id, lambda key: key.needs("update_key"))
        amount = None if value is UNSET else value
        if operation is not CreditOperation.SET:
            if amount is None:
                raise CreditValueMissing
            if key.remaining_requests is None:
                raise CreditsUnlimited
        drop_refill = value is None
        await self._parts.credits.flush(key.id)

        async def work(tx: Transaction) -> int | None:
            locked = await change_queries.lock(tx, key.workspace_id, key.id)
            remaining = _changed(locked.remaining_requests, operation, amount)
            await change_queries.set_credits(tx, key.workspace_id, key.id, remaining, drop_refill=drop_refill)
            event = events.credits_set(key.id, key.keyspace_id, locked.remaining_requests, remaining)
            await self._parts.audit.record(tx, caller, [event])
            tx.tell(locked.changed(key.workspace_id))
            return remaining

        remaining = await self._parts.database.transaction(
            "keys.update_credits", work, on_commit=lambda _: self._parts.credits.invalidate(key.id)
        )
        return _state(key, remaining, drop_refill=drop_refill)


def _changed(balance: int | None, operation: CreditOperation, amount: int | None) -> int | None:
    if operation is CreditOperation.SET or amount is None:
        return amount
    if balance is None:
        raise CreditsUnlimited
    if operation is CreditOperation.DECREMENT:
        return max(0, balance - amount)
    if balance + amount > CREDITS_MAX:
        raise CreditsTooLarge(CREDITS_MAX)
    return balance + amount


def _state(key: LiveKey, remaining: int | None, *, drop_refill: bool) -> CreditState:
    if drop_refill:
        return CreditState(remaining, None, None)
    return CreditState(remaining, key.refill_amount, key.refill_day)


class DeleteKey:
    """Deletes a key, leaving its row or not."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key_id: str, *, permanent: bool = False) -> None:
        """Delete the key; `permanent` removes it with everything that belongs to it alone.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not delete it.
            StoreUnavailable: Nothing was deleted.
        """
        primary = self._parts.database.primary
        key = await get_key_for(primary, caller.principal, key_id, lambda key: key.needs("delete_key"))
        now = self._parts.now()

        async def work(tx: Transaction) -> None:
            locked = await change_queries.lock(tx, key.workspace_id, key.id)
            if permanent:
                await change_queries.delete(tx, key.workspace_id, key.id)
            else:
                await change_queries.mark_deleted(tx, key.workspace_id, key.id, now=now)
            event = events.key_deleted(events.key_target(key.id, key.name or ""), permanent=permanent)
            await self._parts.audit.record(tx, caller, [event])
            tx.tell(locked.changed(key.workspace_id))

        await self._parts.database.transaction("keys.delete", work)
