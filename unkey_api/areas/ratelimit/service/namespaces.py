"""List namespaces; set, show, list and delete the overrides in them."""

from __future__ import annotations

from typing import NamedTuple

from unkey_api.areas.parts import Parts
from unkey_api.areas.ratelimit import queries, requirements
from unkey_api.areas.ratelimit.namespaces import read_namespace
from unkey_api.areas.ratelimit.queries import ListedNamespaceRow
from unkey_api.areas.ratelimit.types import (
    PATTERNS_MAX,
    WILDCARD,
    NamespaceNotFound,
    Override,
    OverrideNotFound,
    TooManyPatterns,
)
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import namespace_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.errors import InvalidInput, Unexpected, Violation
from unkey_api.core.ids import IdPrefix, NamespaceId, OverrideId
from unkey_api.core.needs import ANY
from unkey_api.core.paging import Page, cut_page, substring_pattern
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.rbac import require, require_found
from unkey_api.infra.mysql import ReadsOf, Transaction, WriteConn


class UnknownCursor(InvalidInput):
    """The cursor is the id of no namespace of the workspace, be it live or deleted."""

    def __init__(self) -> None:
        fix = "Send `pagination.cursor` of the previous page as it was, or leave it out to start with the newest."
        violation = Violation("/properties/cursor", "cursor: is not the id of a namespace", fix)
        super().__init__(f"`cursor` is not the id of a namespace. {fix}", violations=(violation,))


class ListNamespaces:
    """Lists the namespaces of a workspace that a caller may read, whoever created them."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, *, cursor: str, search: str, limit: int) -> Page[ListedNamespaceRow]:
        """Return at most `limit` live namespaces, the newest first, beginning at the one whose id is `cursor`.

        A page goes on where the last one ended, also when namespaces were created or deleted meanwhile. `search` is
        part of id or name in whatever letter case; blank means all. Reads no more rows than the page has, unless it
        searches or the caller may read a few namespaces only.

        Raises:
            InsufficientPermissions: The caller may not read any namespace.
            UnknownCursor: There never was such a namespace in the workspace.
            StoreUnavailable: They could not be read.
        """
        workspace_id, conn = principal.workspace_id, self._reads_of(principal.workspace_id)
        readable = requirements.readable_namespaces(workspace_id, principal.permissions)
        if not readable:
            require(principal.permissions, requirements.read_namespace(workspace_id))
        rows = await queries.list_namespaces(
            conn, workspace_id, readable, cursor=cursor, pattern=substring_pattern(search), limit=limit + 1
        )
        if cursor and not rows and not await queries.existing_ids(conn, workspace_id, [NamespaceId(cursor)]):
            raise UnknownCursor
        return cut_page(rows, limit=limit, id_of=lambda row: row.id)


class GetOverride:
    """Finds the override that applies to an identifier. Reads the store, so that what was just set is seen."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, namespace_key: str, identifier: str) -> Override:
        """Return the override of exactly this identifier, else the first pattern that covers it.

        Raises:
            NamespaceNotFound: No such namespace, or a deleted one.
            OverrideNotFound: None applies, or the caller may not read it; the two look the same.
            StoreUnavailable: It could not be read.
        """
        workspace_id = principal.workspace_id
        namespace = await read_namespace(self._reads_of(workspace_id), workspace_id, namespace_key)
        if namespace is None or namespace.deleted:
            raise NamespaceNotFound
        override = namespace.overrides.match(identifier)
        if override is None:
            raise OverrideNotFound
        may_read = requirements.read_override(workspace_id, namespace.id, override.id)
        require(principal.permissions, may_read, hide_as=OverrideNotFound)
        return override


class ListOverrides:
    """Lists the overrides of a namespace, a deleted one included."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, namespace_key: str, *, cursor: str, limit: int) -> Page[Override]:
        """Return at most `limit` overrides by ascending id, the first not below `cursor`.

        Raises:
            NamespaceNotFound: No such namespace.
            InsufficientPermissions: The caller may not read overrides there.
            StoreUnavailable: They could not be read.
        """
        conn = self._reads_of(principal.workspace_id)
        namespace = await queries.find_by_key(conn, principal.workspace_id, namespace_key)
        if namespace is None:
            raise NamespaceNotFound
        require(principal.permissions, requirements.list_overrides(principal.workspace_id, namespace.id))
        overrides = await queries.list_overrides(
            conn, principal.workspace_id, namespace.id, cursor=cursor, limit=limit + 1
        )
        return cut_page(overrides, limit=limit, id_of=lambda override: override.id)


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


class DeleteOverride:
    """Deletes the override of exactly one identifier; the row stays, marked."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, namespace_key: str, identifier: str) -> None:
        """Delete the override. Patterns are not expanded. Repeating it raises OverrideNotFound.

        Looks at the store rather than at the cache, so that an override set through another process can be deleted
        at once, and none is deleted twice.

        Raises:
            NamespaceNotFound: No such namespace, or a deleted one.
            InsufficientPermissions: The caller may not delete overrides there.
            OverrideNotFound: There is no override of this identifier, or no longer.
            StoreUnavailable: Nothing was changed.
        """
        workspace_id = caller.principal.workspace_id
        now = self._parts.now()

        async def work(tx: Transaction) -> None:
            namespace = await find_live_namespace(tx, workspace_id, namespace_key)
            override = await require_found(
                caller.principal.permissions,
                lambda: _find_locked(tx, workspace_id, namespace.id, identifier),
                lambda row: requirements.delete_override(workspace_id, namespace.id, row.id if row else ANY),
                OverrideNotFound,
            )
            await queries.mark_override_deleted(tx, workspace_id, override.id, now=now)
            await self._parts.audit.record(tx, caller, [_deleted(namespace, override)])
            tx.tell(*namespace_changed(workspace_id, namespace.id, namespace.name))

        await self._parts.database.transaction("ratelimit.delete_override", work)


async def _find_locked(
    tx: Transaction, workspace_id: str, namespace_id: NamespaceId, identifier: str
) -> queries.OverrideRow | None:
    found = await queries.find_override_locked(tx, workspace_id, namespace_id, identifier)
    return found if found is not None and found.identifier == identifier else None  # the column compares more loosely


def _deleted(namespace: queries.NamespaceRow, override: queries.OverrideRow) -> AuditEvent:
    targets = (
        AuditTarget(TargetType.RATELIMIT_OVERRIDE, override.id, override.identifier),
        AuditTarget(TargetType.RATELIMIT_NAMESPACE, namespace.id, namespace.name),
    )
    return AuditEvent(AuditAction.RATELIMIT_DELETE_OVERRIDE, f"Deleted override {override.id}.", targets)
