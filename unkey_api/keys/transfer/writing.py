"""Writing one batch of imported keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unkey_api.audit.service import AuditLog
from unkey_api.audit.types import AuditEvent
from unkey_api.core.changes import key_changed
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.identifiers import IdentityId, KeyHash, KeyId, RoleId
from unkey_api.core.ids import IdPrefix, IdSource
from unkey_api.core.principal import operator
from unkey_api.identities import queries as identity_queries
from unkey_api.identities.queries import NewIdentity
from unkey_api.infra.mysql import Database, Transaction, WriteConn
from unkey_api.keys import queries
from unkey_api.keys.queries import NewKey
from unkey_api.keys.service import events
from unkey_api.keys.service.create import new_ratelimits
from unkey_api.keys.transfer.types import ImportRecord, Target
from unkey_api.keys.types import RefillInterval
from unkey_api.permissions import queries as permission_queries
from unkey_api.permissions.ensure import ensure_permissions, new_permissions
from unkey_api.permissions.errors import PermissionDiffersInCase
from unkey_api.permissions.queries import NewRole


class NameUnusable(Exception):
    """A name cannot be created, because one exists that the database takes for the same. Nothing was written."""

    def __init__(self, kind: str, name: str) -> None:
        """Name it. `kind` is the field it stands in."""
        super().__init__(f"{kind} {name}")
        self.kind = kind
        self.name = name


@dataclass(frozen=True, slots=True)
class Batch:
    """Keys to write together, with the ids they get; settled before the transaction."""

    target: Target
    items: Sequence[tuple[KeyId, ImportRecord]]
    now: UnixMs
    correlation_id: str


class BatchWriter:
    """Writes batches, each in one transaction."""

    def __init__(self, database: Database, audit: AuditLog, *, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ids = ids

    def batch(self, target: Target, records: Iterable[ImportRecord]) -> Batch:
        """Give each key its id. New ones ascend, so that neighbours go to neighbouring pages of the indexes."""
        listed = list(records)
        fresh = iter(sorted(self._ids.new(IdPrefix.KEY) for record in listed if record.key_id is None))
        items = [(KeyId(record.key_id or next(fresh)), record) for record in listed]
        return Batch(target, items, UnixMs(self._clock.now_ms()), self._ids.new(IdPrefix.CORRELATION))

    async def write(self, batch: Batch) -> None:
        """Insert the keys with all that belongs to them, creating missing identities, permissions and roles.

        Raises:
            NameUnusable: A permission, role or external id differs from an existing one in spelling only.
            DuplicateKey: A hash or id was taken meanwhile.
            StoreUnavailable: The store failed. Unless the outcome is unknown, nothing was written.
        """
        await self._database.transaction("keys.import", lambda tx: self._write(tx, batch))

    async def _write(self, tx: Transaction, batch: Batch) -> None:
        workspace_id, now = batch.target.workspace_id, batch.now
        permissions = await self._permissions(tx, batch)
        identities = await self._identities(tx, batch)
        roles = await self._roles(tx, batch)
        await queries.insert_keys(tx, (_row(batch, key_id, record, identities) for key_id, record in batch.items))
        links = [(key_id, roles[name]) for key_id, record in batch.items for name in record.key.roles]
        await queries.link_roles(tx, workspace_id, links, now=now)
        grants = [(key_id, permissions[slug]) for key_id, record in batch.items for slug in record.key.permissions]
        await queries.link_permissions(tx, workspace_id, grants, now=now)
        limits = (
            limit
            for key_id, record in batch.items
            for limit in new_ratelimits(self._ids, workspace_id, key_id, record.key.ratelimits, now=now)
        )
        await queries.put_ratelimits(tx, limits)
        await self._audit.record(tx, operator(workspace_id), _events(batch), batch.correlation_id)
        keyspace_id = batch.target.keyspace_id
        tx.tell(*(key_changed(workspace_id, record.key.hash, keyspace_id) for _, record in batch.items))

    async def _permissions(self, tx: WriteConn, batch: Batch) -> dict[str, str]:
        slugs = dict.fromkeys(slug for _, record in batch.items for slug in record.key.permissions)
        target = batch.target
        wanted = new_permissions(self._ids, target.workspace_id, target.project_id, slugs, now=batch.now)
        if not wanted:
            return {}
        try:
            found = await ensure_permissions(tx, target.workspace_id, wanted)
        except PermissionDiffersInCase as err:
            raise NameUnusable("permissions", err.slug) from err
        return {permission.slug: permission.id for permission in found.all}

    async def _identities(self, tx: WriteConn, batch: Batch) -> dict[str, IdentityId]:
        target = batch.target
        wanted: dict[str, NewIdentity] = {}
        for _, record in batch.items:
            external_id = record.key.external_id
            if external_id is not None and external_id not in wanted:
                id_ = IdentityId(self._ids.new(IdPrefix.IDENTITY))
                meta = record.identity_meta or "{}"
                wanted[external_id] = NewIdentity(
                    id_, external_id, target.workspace_id, target.project_id, created_at=batch.now, meta=meta
                )
        found = await identity_queries.ensure_all(tx, target.workspace_id, list(wanted.values()))
        _refuse_missing("externalId", wanted, found)
        return found

    async def _roles(self, tx: WriteConn, batch: Batch) -> dict[str, RoleId]:
        target = batch.target
        names = dict.fromkeys(name for _, record in batch.items for name in record.key.roles)
        wanted = {
            name: NewRole(RoleId(self._ids.new(IdPrefix.ROLE)), target.workspace_id, target.project_id, name, batch.now)
            for name in names
        }
        found = await permission_queries.ensure_roles(tx, target.workspace_id, wanted)
        _refuse_missing("roles", wanted, found)
        return found


def _refuse_missing(kind: str, wanted: Iterable[str], found: Iterable[str]) -> None:
    present = set(found)
    for name in wanted:
        if name not in present:
            raise NameUnusable(kind, name)


def _row(batch: Batch, key_id: KeyId, record: ImportRecord, identities: dict[str, IdentityId]) -> NewKey:
    key = record.key
    refill = key.credits.refill if key.credits else None
    return NewKey(
        id=key_id,
        key_auth_id=batch.target.keyspace_id,
        hash=KeyHash(key.hash),
        start=record.start,
        workspace_id=batch.target.workspace_id,
        created_at_m=batch.now if record.created_at_ms is None else UnixMs(record.created_at_ms),
        name=key.name,
        identity_id=identities[key.external_id] if key.external_id is not None else None,
        meta=key.meta,
        expires=queries.expiry_column(key.expires_ms),
        enabled=key.enabled,
        remaining_requests=key.credits.remaining if key.credits else None,
        refill_day=refill.day if refill and refill.interval is RefillInterval.MONTHLY else None,
        refill_amount=refill.amount if refill else None,
        pending_migration_id=batch.target.migration_id if record.pending else None,
    )


def _events(batch: Batch) -> list[AuditEvent]:
    api = events.api_target(batch.target.api_id, batch.target.api_name)
    return [
        events.key_created(key_id, record.key.name or "", api, suffix=" by import") for key_id, record in batch.items
    ]
