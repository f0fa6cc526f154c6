"""Import keys by their hashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from unkey_api.areas.keys import queries, requirements
from unkey_api.areas.keys.batches import KeyBatch, KeyBatchWriter, KeyToWrite, Written
from unkey_api.areas.keys.errors import ApiNotFound, HashUnsuitable, MigrationNotFound, RefillDayMissing
from unkey_api.areas.keys.schemes.finding import CANDIDATES_MAX, list_alike
from unkey_api.areas.keys.schemes.salted import HashCaps, excess, phc_of, read_salted
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts, LiveApi
from unkey_api.areas.keys.types import HASH_CHARS_MAX, META_BYTES_MAX, MigrateKey, MigrateKeysCommand, RefillInterval
from unkey_api.areas.parts import with_fresh_ids
from unkey_api.audit.types import AuditEvent
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import CorrelationId, IdPrefix, KeyHash, KeyId, MigrationId
from unkey_api.core.needs import ANY
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import require_found
from unkey_api.core.text import require_bytes_at_most
from unkey_api.infra.mysql import Transaction, WriteConn


class MigratedKey(NamedTuple):
    """A key that was imported."""

    hash: str
    id: KeyId


class MigrationResult(NamedTuple):
    """What became of an import."""

    migrated: list[MigratedKey]
    """In the order of the request."""
    failed: list[str]
    """Hashes that some key has already, or that came twice."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """Everything that is settled before the transaction, so that a replay writes the same."""

    api: LiveApi
    workspace_id: str
    project_id: str
    migration_id: MigrationId
    keys: dict[KeyHash, tuple[KeyId, MigrateKey]]
    now: UnixMs
    correlation_id: CorrelationId


class MigrateKeys:
    """Imports keys whose secrets only their holders know."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts
        self._writer = KeyBatchWriter(parts.ids)

    async def __call__(self, caller: Caller, command: MigrateKeysCommand) -> MigrationResult:
        """Import the keys whose hashes are free, all of them or none. Repeating it fails those imported before.

        Identities, permissions and roles named by imported keys are created where they are missing.

        Raises:
            InsufficientPermissions: The caller may not create keys of that API, whether it exists or not.
            ApiNotFound: There is no such API in the caller's workspace.
            MigrationNotFound: There is no such migration in the caller's workspace.
            InvalidInput: A monthly refill has no day, metadata is too large, a salted hash costs too much to verify, or
                too many of them begin alike.
            PermissionDiffersInCase: A new permission differs from an existing one in letter case only.
            RoleDiffersInCase: The same of a role.
            StoreUnavailable: Nothing was imported.
        """
        parts, workspace_id = self._parts, caller.principal.workspace_id
        api = await require_found(
            caller.principal.permissions,
            lambda: parts.apis.find(workspace_id, command.api_id),
            lambda row: requirements.import_into(workspace_id, command.api_id, row.keyspace_id if row else ANY),
            lambda: ApiNotFound.by_id(command.api_id),
        )
        project_id = await parts.projects.ensure(parts.database.primary, workspace_id)
        migration = await queries.find_migration(parts.database.primary, workspace_id, command.migration_id)
        if migration is None:
            raise MigrationNotFound
        for index, key in enumerate(command.keys):
            _check(index, key, parts.hash_caps)
        correlation_id = CorrelationId(parts.ids.new(IdPrefix.CORRELATION))

        async def attempt() -> MigrationResult:
            keys: dict[KeyHash, tuple[KeyId, MigrateKey]] = {}
            for key in command.keys:
                keys.setdefault(KeyHash(key.hash), (KeyId(parts.ids.new(IdPrefix.KEY)), key))
            draft = _Draft(api, workspace_id, project_id, migration.id, keys, parts.now(), correlation_id)
            taken = await parts.database.transaction("keys.migrate", lambda tx: self._write(tx, caller, draft))
            return _result(command.keys, draft, taken)

        return await with_fresh_ids(attempt, parts.sleep)

    async def _write(self, tx: Transaction, caller: Caller, draft: _Draft) -> set[str]:
        """Import what is free and return the hashes that are taken."""
        if not await queries.hold_api(tx, draft.workspace_id, draft.api.id):
            raise ApiNotFound(internal=f"api {draft.api.id} was deleted meanwhile")
        if any(read_salted(key_hash) is not None for key_hash in draft.keys):
            # Before anything is read, so that what others of these imports have written is seen and counted.
            await queries.lock_migration(tx, draft.workspace_id, draft.migration_id)
        taken = await queries.list_taken_hashes(tx, list(draft.keys))
        fresh = {key_hash: entry for key_hash, entry in draft.keys.items() if key_hash not in taken}
        if not fresh:
            return taken
        await self._refuse_too_many_alike(tx, draft, fresh)
        items = [KeyToWrite(id=id_, key=key, migration_id=draft.migration_id) for id_, key in fresh.values()]
        batch = KeyBatch(
            workspace_id=draft.workspace_id,
            project_id=draft.project_id,
            keyspace_id=draft.api.keyspace_id,
            items=items,
            now=draft.now,
        )
        written = await self._writer.write(tx, batch)
        log = [event for item in items for event in _events(draft, item, written)]
        await self._parts.audit.record(tx, caller, log, draft.correlation_id)
        return taken

    async def _refuse_too_many_alike(
        self, tx: WriteConn, draft: _Draft, fresh: Mapping[KeyHash, tuple[KeyId, MigrateKey]]
    ) -> None:
        """A presented key is compared with a few salted hashes only: one beyond them could never be verified."""
        salted = {key_hash: found for key_hash in fresh if (found := read_salted(key_hash)) is not None}
        counts: dict[str, int] = {}
        for index, key_hash in enumerate(draft.keys):
            if key_hash not in salted:
                continue
            lookup = salted[key_hash].lookup
            if lookup not in counts:
                counts[lookup] = len(await list_alike(tx, draft.workspace_id, draft.migration_id, [lookup]))
            counts[lookup] += 1
            if counts[lookup] > CANDIDATES_MAX:
                reason = f"is one too many: {CANDIDATES_MAX} keys of the migration begin like '{lookup}' already"
                raise HashUnsuitable(index, f"{reason}. Give more characters of the key")


def _check(index: int, key: MigrateKey, caps: HashCaps) -> None:
    if len(key.hash) > HASH_CHARS_MAX:
        raise HashUnsuitable(index, f"has {len(key.hash)} characters, at most {HASH_CHARS_MAX} fit")
    reason = excess(phc_of(key.hash), caps)
    if reason:
        raise HashUnsuitable(index, f"costs too much: {reason}")
    refill = key.credits.refill if key.credits else None
    if refill is not None and refill.interval is RefillInterval.MONTHLY and refill.day is None:
        raise RefillDayMissing
    if key.meta is not None:
        require_bytes_at_most(f"`keys[{index}].meta`", key.meta, cap=META_BYTES_MAX)


def _events(draft: _Draft, item: KeyToWrite, written: Written) -> Iterator[AuditEvent]:
    name = item.key.name or ""
    target = events.key_target(item.id, name)
    for slug in dict.fromkeys(item.key.permissions):
        yield events.permission_connected(target, written.permissions[slug], label=slug, shown=slug)
    for role in dict.fromkeys(item.key.roles):
        yield events.role_connected(target, written.roles[role], role)
    api = events.api_target(draft.api.id, draft.api.name)
    yield events.key_created(item.id, name, api, suffix=f" in migration {draft.migration_id}")


def _result(asked: Iterable[MigrateKey], draft: _Draft, taken: set[str]) -> MigrationResult:
    migrated: list[MigratedKey] = []
    failed: list[str] = []
    done: set[str] = set()
    for key in asked:
        if key.hash in taken or key.hash in done:
            failed.append(key.hash)
        else:
            migrated.append(MigratedKey(key.hash, draft.keys[KeyHash(key.hash)][0]))
            done.add(key.hash)
    return MigrationResult(migrated, failed)
