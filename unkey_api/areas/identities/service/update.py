"""Change an identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from unkey_api.areas.identities import queries, requirements
from unkey_api.areas.identities.errors import IdentityNotFound, RatelimitNamedTwice
from unkey_api.areas.identities.events import identity_event, ratelimit_event
from unkey_api.areas.identities.service.create import new_ratelimits, rows_of
from unkey_api.areas.identities.service.read import find_identity, ratelimit_of
from unkey_api.areas.identities.types import MAX_META_BYTES, Identity, IdentityRatelimit
from unkey_api.areas.parts import Parts
from unkey_api.areas.ratelimit.attached import AttachedLimit, first_repeated_name
from unkey_api.audit.changes import changed_members
from unkey_api.audit.types import AuditAction, AuditEvent
from unkey_api.core.changes import identity_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, RatelimitId
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require
from unkey_api.core.text import require_bytes_at_most
from unkey_api.infra.mysql import Transaction, WriteConn


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
