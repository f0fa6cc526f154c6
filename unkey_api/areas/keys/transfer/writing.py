"""Writing one batch of imported keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unkey_api.areas.keys.batches import KeyBatch, KeyBatchWriter, KeyToWrite
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.transfer.types import ImportRecord, Target
from unkey_api.areas.permissions.types import PermissionDiffersInCase, RoleDiffersInCase
from unkey_api.audit.service import AuditLog
from unkey_api.audit.types import AuditEvent
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, IdSource, KeyId
from unkey_api.core.principal import operator
from unkey_api.infra.mysql import Database, Transaction


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
        self._keys = KeyBatchWriter(ids)

    def batch(self, target: Target, records: Iterable[ImportRecord]) -> Batch:
        """Give each key its id. New ones ascend, so that neighbours go to neighbouring pages of the indexes."""
        listed = list(records)
        fresh = iter(sorted(self._ids.new(IdPrefix.KEY) for record in listed if record.key_id is None))
        items = [(KeyId(record.key_id or next(fresh)), record) for record in listed]
        return Batch(target, items, UnixMs(self._clock.now_ms()), self._ids.new(IdPrefix.CORRELATION))

    async def write(self, batch: Batch) -> None:
        """Insert the keys with all that belongs to them, creating missing identities, permissions and roles.

        Raises:
            NameUnusable: A permission or role differs from an existing one in letter case only.
            DuplicateKey: A hash or id was taken meanwhile.
            StoreUnavailable: The store failed. Unless the outcome is unknown, nothing was written.
        """
        await self._database.transaction("keys.import", lambda tx: self._write(tx, batch))

    async def _write(self, tx: Transaction, batch: Batch) -> None:
        target = batch.target
        keys = KeyBatch(
            workspace_id=target.workspace_id,
            project_id=target.project_id,
            keyspace_id=target.keyspace_id,
            items=[_to_write(key_id, record, target) for key_id, record in batch.items],
            now=batch.now,
        )
        try:
            await self._keys.write(tx, keys)
        except PermissionDiffersInCase as err:
            raise NameUnusable("permissions", err.slug) from err
        except RoleDiffersInCase as err:
            raise NameUnusable("roles", err.name) from err
        await self._audit.record(tx, operator(target.workspace_id), _events(batch), batch.correlation_id)


def _to_write(key_id: KeyId, record: ImportRecord, target: Target) -> KeyToWrite:
    return KeyToWrite(
        id=key_id,
        key=record.key,
        start=record.start,
        created_at_ms=record.created_at_ms,
        migration_id=target.migration_id if record.pending else None,
        identity_meta=record.identity_meta or "{}",
    )


def _events(batch: Batch) -> list[AuditEvent]:
    api = events.api_target(batch.target.api_id, batch.target.api_name)
    return [
        events.key_created(key_id, record.key.name or "", api, suffix=" by import") for key_id, record in batch.items
    ]
