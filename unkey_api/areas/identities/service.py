"""Create, show, change and delete identities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from unkey_api.areas.identities import queries, requirements
from unkey_api.areas.identities.types import (
    MAX_META_BYTES,
    Identity,
    IdentityAlreadyExists,
    IdentityNotFound,
    IdentityRatelimit,
    RatelimitNamedTwice,
)
from unkey_api.areas.parts import Parts
from unkey_api.areas.ratelimit.types import AttachedLimit, first_repeated_name, last_of_each_name
from unkey_api.audit.service import changed_members
from unkey_api.audit.types import AuditAction, AuditEvent, AuditTarget, TargetType
from unkey_api.core.changes import identity_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdentityId, IdPrefix, IdSource, RatelimitId
from unkey_api.core.paging import Page, cut_page, substring_pattern
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.rbac import require
from unkey_api.core.text import require_bytes_at_most
from unkey_api.infra.mysql import DuplicateKey, ReadConn, ReadsOf, Transaction, WriteConn


class CreateIdentityCommand(NamedTuple):
    """An identity to create."""

    external_id: str
    meta: str
    """JSON text of an object."""
    ratelimits: tuple[AttachedLimit, ...]
    """Of several with one name the last counts."""


class CreateIdentity:
    """Creates an identity with its limits."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: CreateIdentityCommand) -> IdentityId:
        """Create the identity and return its id. A deleted one of the same external id is no obstacle.

        Raises:
            InsufficientPermissions: The caller may not create identities.
            InvalidInput: The metadata is too large.
            IdentityAlreadyExists: There is a live one of this external id.
            StoreUnavailable: Nothing was created.
        """
        require(caller.principal.permissions, requirements.on_all(caller.principal.workspace_id, "create_identity"))
        require_bytes_at_most("Metadata", command.meta, cap=MAX_META_BYTES)
        identity_id = IdentityId(self._parts.ids.new(IdPrefix.IDENTITY))
        ratelimits = new_ratelimits(self._parts.ids, last_of_each_name(command.ratelimits))
        correlation_id = self._parts.ids.new(IdPrefix.CORRELATION)
        now = self._parts.now()
        workspace_id = caller.principal.workspace_id

        async def work(tx: Transaction) -> None:
            project_id = await self._parts.projects.ensure(tx, workspace_id)
            identity = queries.NewIdentity(
                identity_id, command.external_id, workspace_id, project_id, now, meta=command.meta
            )
            try:
                await queries.insert(tx, identity)
            except DuplicateKey as err:
                raise IdentityAlreadyExists(command.external_id) from err
            await queries.insert_ratelimits(tx, rows_of(ratelimits, workspace_id, identity_id, now))
            events = _created(identity_id, command.external_id, ratelimits)
            await self._parts.audit.record(tx, caller, events, correlation_id)
            tx.tell(identity_changed(workspace_id, identity_id))

        await self._parts.database.transaction("identities.create", work)
        return identity_id


def new_ratelimits(ids: IdSource, specs: Iterable[AttachedLimit]) -> list[IdentityRatelimit]:
    """Return the limits with fresh ids."""
    return [IdentityRatelimit(RatelimitId(ids.new(IdPrefix.RATELIMIT)), spec) for spec in specs]


def rows_of(
    ratelimits: Iterable[IdentityRatelimit], workspace_id: str, identity_id: IdentityId, now: UnixMs
) -> list[queries.RatelimitToWrite]:
    """Return the rows to write for these limits."""
    return [
        queries.RatelimitToWrite(
            item.id,
            workspace_id,
            identity_id,
            item.spec.name,
            item.spec.limit,
            item.spec.duration_ms,
            item.spec.auto_apply,
            now,
        )
        for item in ratelimits
    ]


def _created(identity_id: IdentityId, external_id: str, ratelimits: Iterable[IdentityRatelimit]) -> list[AuditEvent]:
    first = identity_event(AuditAction.IDENTITY_CREATE, f"Created identity {identity_id}.", identity_id, external_id)
    rest = [
        ratelimit_event(
            AuditAction.RATELIMIT_CREATE,
            f"Created ratelimit {item.id}.",
            (identity_id, external_id),
            (item.id, item.spec.name),
        )
        for item in ratelimits
    ]
    return [first, *rest]


class GetIdentity:
    """Shows one identity."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, key: str) -> Identity:
        """Return the identity with this id, else the one with this external id.

        Raises:
            IdentityNotFound: There is none.
            InsufficientPermissions: There is one, and the caller may not read it.
            StoreUnavailable: It could not be read.
        """
        found = await find_identity(self._reads_of(principal.workspace_id), principal.workspace_id, key)
        require(principal.permissions, requirements.read(principal.workspace_id, found.id))
        return found


class ListIdentities:
    """Lists the identities of a workspace."""

    def __init__(self, reads_of: ReadsOf) -> None:
        self._reads_of = reads_of

    async def __call__(self, principal: Principal, *, cursor: str, search: str, limit: int) -> Page[Identity]:
        """Return at most `limit` identities by ascending id, the first not below `cursor`, with two statements.

        Args:
            principal: Who asks.
            cursor: Any text; empty starts at the beginning.
            search: Part of an id or external id in whatever letter case; blank means all.
            limit: At least 1.

        Raises:
            InsufficientPermissions: The caller may not read one of the page. An empty page needs no permission.
            StoreUnavailable: They could not be read.
        """
        workspace_id = principal.workspace_id
        conn = self._reads_of(workspace_id)
        rows = await queries.list_page(
            conn, workspace_id, cursor=cursor, pattern=substring_pattern(search), limit=limit + 1
        )
        page = cut_page(rows, limit=limit, id_of=lambda row: row.id)
        for row in page.items:
            require(principal.permissions, requirements.read_in_list(workspace_id, row.id))
        return Page(await with_ratelimits(conn, workspace_id, page.items), page.next_cursor)


async def find_identity(conn: ReadConn, workspace_id: str, key: str) -> Identity:
    """Return the live identity with this id, else the one with this external id.

    Raises:
        IdentityNotFound: There is none in the workspace.
    """
    row = await queries.find_by_key(conn, workspace_id, key)
    if row is None:
        raise IdentityNotFound
    return (await with_ratelimits(conn, workspace_id, [row]))[0]


async def with_ratelimits(conn: ReadConn, workspace_id: str, rows: Sequence[queries.IdentityRow]) -> list[Identity]:
    """Return the identities together with their limits, in the same order. One statement, none for no rows."""
    limits: dict[IdentityId, list[IdentityRatelimit]] = defaultdict(list)
    for found in await queries.list_ratelimits(conn, workspace_id, [row.id for row in rows]):
        limits[found.identity_id].append(ratelimit_of(found))
    return [Identity(row.id, row.external_id, row.meta, tuple(limits[row.id])) for row in rows]


def ratelimit_of(row: queries.RatelimitRow) -> IdentityRatelimit:
    """Return a stored limit as the rest of the service sees it."""
    return IdentityRatelimit(row.id, AttachedLimit(row.name, row.limit, row.duration, row.auto_apply))


class UpdateIdentityCommand(NamedTuple):
    """What to change. None leaves things as they are."""

    identity: str
    """Id or external id."""
    meta: str | None
    """JSON text of an object, which replaces all metadata."""
    ratelimits: tuple[AttachedLimit, ...] | None
    """The complete new set; limits keep their id by name."""


@dataclass(frozen=True, slots=True)
class _Change:
    """How to get from the stored limits to the wanted ones."""

    before: Mapping[RatelimitId, AttachedLimit]
    """All that were stored."""
    removed: list[IdentityRatelimit]
    kept: list[IdentityRatelimit]
    """With their new settings."""
    altered: list[IdentityRatelimit]
    """Those of `kept` whose settings differ from the stored ones."""
    added: list[IdentityRatelimit]

    @property
    def result(self) -> tuple[IdentityRatelimit, ...]:
        """The limits afterwards, by name."""
        return tuple(sorted(self.kept + self.added, key=lambda item: item.spec.name))


class UpdateIdentity:
    """Changes metadata and limits of an identity."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, command: UpdateIdentityCommand) -> Identity:
        """Change the identity and return it, with metadata only if the call gave some.

        Raises:
            InsufficientPermissions: The caller may not change identities, whether this one exists or not.
            RatelimitNamedTwice: Two limits have one name.
            InvalidInput: The metadata is too large.
            IdentityNotFound: There is no such identity, or no longer.
            StoreUnavailable: Nothing was changed.
        """
        require(caller.principal.permissions, requirements.on_all(caller.principal.workspace_id, "update_identity"))
        if (repeated := first_repeated_name(command.ratelimits or ())) is not None:
            raise RatelimitNamedTwice(repeated)
        require_bytes_at_most("Metadata", command.meta or "", cap=MAX_META_BYTES)
        found = await find_identity(self._parts.database.primary, caller.principal.workspace_id, command.identity)
        fresh = new_ratelimits(self._parts.ids, command.ratelimits or ())
        correlation_id = self._parts.ids.new(IdPrefix.CORRELATION)
        now = self._parts.now()

        async def work(tx: Transaction) -> tuple[IdentityRatelimit, ...]:
            locked = await queries.find_locked(tx, caller.principal.workspace_id, found.id)
            if locked is None or locked.deleted:
                raise IdentityNotFound
            change = None
            if command.meta is not None:
                await queries.set_meta(tx, caller.principal.workspace_id, found.id, command.meta, now=now)
            if command.ratelimits is not None:
                change = await self._replace(tx, caller.principal.workspace_id, found, fresh, now)
            told = {} if command.meta is None else changed_members({"meta": locked.meta}, {"meta": command.meta})
            await self._parts.audit.record(tx, caller, _updated(found, change, told), correlation_id)
            tx.tell(identity_changed(caller.principal.workspace_id, found.id))
            return found.ratelimits if change is None else change.result

        ratelimits = await self._parts.database.transaction("identities.update", work)
        return Identity(found.id, found.external_id, command.meta, ratelimits)

    @staticmethod
    async def _replace(
        tx: WriteConn, workspace_id: str, identity: Identity, fresh: Sequence[IdentityRatelimit], now: UnixMs
    ) -> _Change:
        """Turn the stored limits, as they are under the lock, into the wanted ones."""
        stored = [ratelimit_of(row) for row in await queries.list_ratelimits(tx, workspace_id, [identity.id])]
        change = _plan(stored, fresh)
        await queries.delete_ratelimits(tx, workspace_id, identity.id, [item.id for item in change.removed])
        for row in rows_of(change.altered, workspace_id, identity.id, now):
            await queries.update_ratelimit(tx, row)
        await queries.insert_ratelimits(tx, rows_of(change.added, workspace_id, identity.id, now))
        return change


def _plan(stored: Sequence[IdentityRatelimit], wanted: Sequence[IdentityRatelimit]) -> _Change:
    existing = {item.spec.name: item for item in stored}
    names = {item.spec.name for item in wanted}
    kept = [IdentityRatelimit(existing[item.spec.name].id, item.spec) for item in wanted if item.spec.name in existing]
    return _Change(
        before={item.id: item.spec for item in stored},
        removed=[item for item in stored if item.spec.name not in names],
        kept=kept,
        altered=[item for item in kept if item.spec != existing[item.spec.name].spec],
        added=[item for item in wanted if item.spec.name not in existing],
    )


def _updated(identity: Identity, change: _Change | None, told: Mapping[str, object]) -> list[AuditEvent]:
    updated = identity_event(
        AuditAction.IDENTITY_UPDATE, f"Updated identity {identity.id}", identity.id, identity.external_id
    )
    events = [replace(updated, meta=told)]
    if change is None:
        return events
    for action, verb, items in (
        (AuditAction.RATELIMIT_DELETE, "Deleted", change.removed),
        (AuditAction.RATELIMIT_UPDATE, "Updated", change.kept),
        (AuditAction.RATELIMIT_CREATE, "Created", change.added),
    ):
        events += [
            ratelimit_event(
                action,
                f"{verb} ratelimit {item.id}",
                (identity.id, identity.external_id),
                (item.id, item.spec.name),
                {} if action is AuditAction.RATELIMIT_DELETE else _told(change.before.get(item.id), item.spec),
            )
            for item in items
        ]
    return events


def _told(before: AttachedLimit | None, after: AttachedLimit) -> Mapping[str, object]:
    """Return what became of a limit that was there before; a new one has nothing to be compared with."""
    return {} if before is None else changed_members(asdict(before), asdict(after))


class DeleteIdentity:
    """Deletes an identity. Its keys go on without it; its row is kept until the next of its external id is deleted."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, caller: Caller, key: str) -> None:
        """Delete the identity with this id, else the one with this external id. Repeating it raises IdentityNotFound.

        Raises:
            InsufficientPermissions: The caller may not delete identities, whether this one exists or not.
            IdentityNotFound: There is no such identity, or no longer.
            StoreUnavailable: Nothing was changed.
        """
        require(caller.principal.permissions, requirements.on_all(caller.principal.workspace_id, "delete_identity"))
        workspace_id = caller.principal.workspace_id
        identity = await find_identity(self._parts.database.primary, workspace_id, key)
        correlation_id = self._parts.ids.new(IdPrefix.CORRELATION)

        async def work(tx: Transaction) -> None:
            locked = await queries.find_locked(tx, workspace_id, identity.id)
            if locked is None:
                raise IdentityNotFound
            if locked.deleted:
                return  # somebody else did it at the same time, and wrote the entries
            await self._mark(tx, workspace_id, identity)
            await self._parts.audit.record(tx, caller, _deleted(identity), correlation_id)
            tx.tell(identity_changed(workspace_id, identity.id))

        await self._parts.database.transaction("identities.delete", work)

    @staticmethod
    async def _mark(tx: WriteConn, workspace_id: str, identity: Identity) -> None:
        try:
            await queries.mark_deleted(tx, workspace_id, identity.id)
        except DuplicateKey:
            # Tried first all the same: looking for older ones each time would lock more than most deletions need.
            await queries.delete_older(tx, workspace_id, identity.external_id)
            await queries.mark_deleted(tx, workspace_id, identity.id)


def _deleted(identity: Identity) -> list[AuditEvent]:
    owner = (identity.id, identity.external_id)
    first = identity_event(AuditAction.IDENTITY_DELETE, f"Deleted identity {identity.id}.", *owner)
    rest = [
        ratelimit_event(AuditAction.RATELIMIT_DELETE, f"Deleted ratelimit {item.id}.", owner, (item.id, item.spec.name))
        for item in identity.ratelimits
    ]
    return [first, *rest]


def identity_event(action: AuditAction, description: str, identity_id: str, external_id: str) -> AuditEvent:
    """Return an entry about the identity itself."""
    return AuditEvent(action, description, (AuditTarget(TargetType.IDENTITY, identity_id, external_id),))


def ratelimit_event(
    action: AuditAction,
    description: str,
    owner: tuple[str, str],
    ratelimit: tuple[str, str],
    told: Mapping[str, object] = MappingProxyType({}),
) -> AuditEvent:
    """Return an entry about a limit.

    `owner` is id and external id of the identity, `ratelimit` id and name, `told` what changed from what to what.
    """
    targets = (AuditTarget(TargetType.IDENTITY, *owner), AuditTarget(TargetType.RATELIMIT, *ratelimit))
    return AuditEvent(action, description, targets, meta=told)
