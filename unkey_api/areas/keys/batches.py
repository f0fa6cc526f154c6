"""Writing many keys at once with all that belongs to them: what importing means, whoever asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from unkey_api.areas.identities import queries as identity_queries
from unkey_api.areas.identities.queries import NewIdentity
from unkey_api.areas.keys import queries
from unkey_api.areas.keys.queries import NewKey, new_ratelimits
from unkey_api.areas.keys.types import MigrateKey, RefillInterval
from unkey_api.areas.permissions import queries as permission_queries
from unkey_api.areas.permissions.ensure import ensure_permissions, new_permissions
from unkey_api.areas.permissions.queries import NewRole
from unkey_api.areas.permissions.types import RoleDiffersInCase
from unkey_api.core.changes import key_changed
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import (
    IdentityId,
    IdPrefix,
    IdSource,
    KeyHash,
    KeyId,
    KeyspaceId,
    MigrationId,
    PermissionId,
    RoleId,
)
from unkey_api.infra.mysql import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyToWrite:
    """A key known by its hash, and the id it gets."""

    id: KeyId
    key: MigrateKey
    start: str = ""
    """What the secret begins with, where that is known."""
    created_at_ms: int | None = None
    """None: now."""
    migration_id: MigrationId | None = None
    """The migration that its first use finishes; None: its hash is final."""
    identity_meta: str = "{}"
    """JSON text that its identity gets if there is none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBatch:
    """Keys to write together. Settled before the transaction, so that a replay writes the same."""

    workspace_id: str
    project_id: str
    keyspace_id: KeyspaceId
    items: Sequence[KeyToWrite]
    now: UnixMs


@dataclass(frozen=True, slots=True)
class Written:
    """What the names that came with a batch stand for now."""

    permissions: dict[str, PermissionId]
    roles: dict[str, RoleId]


class KeyBatchWriter:
    """Writes batches. Audit entries are the caller's, who knows whose doing it is."""

    def __init__(self, ids: IdSource) -> None:
        self._ids = ids

    async def write(self, tx: Transaction, batch: KeyBatch) -> Written:
        """Insert the keys, creating identities, permissions and roles that are missing, and tell who follows changes.

        Names that come twice with a key count once; of several limits of one name, the last counts.

        Raises:
            PermissionDiffersInCase: A new permission differs from an existing one in letter case only. Roll back.
            RoleDiffersInCase: The same of a role.
            DuplicateKey: A hash or an id is taken.
        """
        permissions = await self._permissions(tx, batch)
        identities = await identity_queries.ensure_all(tx, batch.workspace_id, list(self._identities(batch)))
        roles = await self._roles(tx, batch)
        workspace_id, now = batch.workspace_id, batch.now
        await queries.insert_keys(tx, (_row(batch, item, identities) for item in batch.items))
        links = [(item.id, roles[name]) for item in batch.items for name in dict.fromkeys(item.key.roles)]
        await queries.link_roles(tx, workspace_id, links, now=now)
        grants = [(item.id, permissions[slug]) for item in batch.items for slug in dict.fromkeys(item.key.permissions)]
        await queries.link_permissions(tx, workspace_id, grants, now=now)
        limits = (
            limit
            for item in batch.items
            for limit in new_ratelimits(self._ids, workspace_id, item.id, item.key.ratelimits, now=now)
        )
        await queries.put_ratelimits(tx, limits)
        tx.tell(*(key_changed(workspace_id, item.key.hash, batch.keyspace_id) for item in batch.items))
        return Written(permissions, roles)

    async def _permissions(self, tx: Transaction, batch: KeyBatch) -> dict[str, PermissionId]:
        slugs = _distinct(item.key.permissions for item in batch.items)
        wanted = new_permissions(self._ids, batch.workspace_id, batch.project_id, slugs, now=batch.now)
        if not wanted:
            return {}
        found = await ensure_permissions(tx, batch.workspace_id, wanted)
        return {permission.slug: permission.id for permission in found.all}

    def _identities(self, batch: KeyBatch) -> Iterator[NewIdentity]:
        seen: set[str] = set()
        for item in batch.items:
            external_id = item.key.external_id
            if external_id is not None and external_id not in seen:
                seen.add(external_id)
                yield NewIdentity(
                    IdentityId(self._ids.new(IdPrefix.IDENTITY)),
                    external_id,
                    batch.workspace_id,
                    batch.project_id,
                    created_at=batch.now,
                    meta=item.identity_meta,
                )

    async def _roles(self, tx: Transaction, batch: KeyBatch) -> dict[str, RoleId]:
        wanted = {
            name: NewRole(
                RoleId(self._ids.new(IdPrefix.ROLE)), batch.workspace_id, batch.project_id, name, batch.now
            )
            for name in _distinct(item.key.roles for item in batch.items)
        }  # fmt: skip
        found = await permission_queries.ensure_roles(tx, batch.workspace_id, wanted)
        for name in wanted:
            if name not in found:
                raise RoleDiffersInCase(name)
        return found


def _distinct(lists: Iterable[Iterable[str]]) -> dict[str, None]:
    """Return every name once, in order."""
    return dict.fromkeys(name for names in lists for name in names)


def _row(batch: KeyBatch, item: KeyToWrite, identities: dict[str, IdentityId]) -> NewKey:
    key = item.key
    refill = key.credits.refill if key.credits else None
    return NewKey(
        id=item.id,
        key_auth_id=batch.keyspace_id,
        hash=KeyHash(key.hash),
        start=item.start,
        workspace_id=batch.workspace_id,
        created_at_m=batch.now if item.created_at_ms is None else UnixMs(item.created_at_ms),
        name=key.name,
        identity_id=identities[key.external_id] if key.external_id is not None else None,
        meta=key.meta,
        expires=queries.expiry_column(key.expires_ms),
        enabled=key.enabled,
        remaining_requests=key.credits.remaining if key.credits else None,
        refill_day=refill.day if refill and refill.interval is RefillInterval.MONTHLY else None,
        refill_amount=refill.amount if refill else None,
        pending_migration_id=item.migration_id,
    )
