"""Create or change an override."""

from __future__ import annotations

from typing import NamedTuple

from unkey_api.areas.parts import Parts
from unkey_api.areas.ratelimit import queries, requirements
from unkey_api.areas.ratelimit.errors import NamespaceNotFound, TooManyPatterns
from unkey_api.areas.ratelimit.patterns import PATTERNS_MAX, WILDCARD
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import namespace_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.errors import Unexpected
from unkey_api.core.ids import IdPrefix, NamespaceId, OverrideId
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.infra.mysql import Transaction, WriteConn


class SetOverrideCommand(NamedTuple):
    """What an override is to be."""

    namespace: str
    """Name or id."""
    identifier: str
    """May hold `*`."""
    limit: int
    """At least 0, which denies everything."""
    duration_ms: int
    """At least 1,000."""


class SetOverride:
    """Creates the override of an identifier, changes it, or brings a deleted one back."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: SetOverrideCommand) -> OverrideId:
        """Store the override and return the id it is stored under, the same each time for one identifier.

        Raises:
            NamespaceNotFound: No such namespace, or a deleted one. Tells even callers without permission.
            InsufficientPermissions: The caller may not set overrides there.
            TooManyPatterns: The identifier has a wildcard, and the namespace as many of those as it may have.
            StoreUnavailable: Nothing was changed.
        """
        fresh_id = OverrideId(self._parts.ids.new(IdPrefix.RATELIMIT_OVERRIDE))
        now = self._parts.now()

        async def work(tx: Transaction) -> OverrideId:
            namespace = await find_live_namespace(tx, caller.principal.workspace_id, command.namespace)
            may_set = requirements.set_override(caller.principal.workspace_id, namespace.id)
            require(caller.principal.permissions, may_set)
            override_id = await self._store(tx, caller, namespace, command, fresh_id, now)
            await self._parts.audit.record(tx, caller, [_set(namespace, override_id, command.identifier)])
            tx.tell(*namespace_changed(caller.principal.workspace_id, namespace.id, namespace.name))
            return override_id

        return await self._parts.database.transaction("ratelimit.set_override", work)

    @staticmethod
    async def _store(
        tx: WriteConn,
        caller: Caller,
        namespace: queries.NamespaceRow,
        command: SetOverrideCommand,
        fresh_id: OverrideId,
        now: UnixMs,
    ) -> OverrideId:
        workspace_id = caller.principal.workspace_id
        wanted = queries.OverrideToSet(
            fresh_id, workspace_id, namespace.id, command.identifier, command.limit, command.duration_ms, now
        )
        if WILDCARD in command.identifier:
            await _refuse_too_many(tx, workspace_id, namespace.id, command.identifier)
        await queries.upsert_override(tx, wanted)
        stored = await queries.find_override_locked(tx, workspace_id, namespace.id, command.identifier)
        if stored is None:
            raise Unexpected("Failed to store the override.", internal="an override vanished under its own lock")
        return stored.id


async def _refuse_too_many(tx: WriteConn, workspace_id: str, namespace_id: NamespaceId, identifier: str) -> None:
    await queries.lock_namespace(tx, workspace_id, namespace_id)
    if await queries.count_other_patterns(tx, workspace_id, namespace_id, identifier) >= PATTERNS_MAX:
        raise TooManyPatterns(PATTERNS_MAX)


async def find_live_namespace(tx: WriteConn, workspace_id: str, key: str) -> queries.NamespaceRow:
    """Return the namespace with this id or name.

    Raises:
        NamespaceNotFound: There is none, or it is deleted.
    """
    namespace = await queries.find_by_key(tx, workspace_id, key)
    if namespace is None or namespace.deleted_at_m is not None:
        raise NamespaceNotFound
    return namespace


def _set(namespace: queries.NamespaceRow, override_id: OverrideId, identifier: str) -> AuditEvent:
    target = AuditTarget(TargetType.RATELIMIT_OVERRIDE, override_id, identifier)
    description = f"Set ratelimit override for {namespace.id} and {identifier}"
    return AuditEvent(AuditAction.RATELIMIT_SET_OVERRIDE, description, (target,))
