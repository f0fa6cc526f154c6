"""Keys that were imported with a hash of another kind, and become ordinary keys when they are first presented."""

from __future__ import annotations

from unkey_api.areas.keys.queries import find_migration
from unkey_api.areas.keys.schemes.finding import ForeignHashes, start_of
from unkey_api.areas.keys.types import START_CHARS_MAX, MigrationAlgorithm
from unkey_api.areas.keys.verification import queries
from unkey_api.areas.keys.verification.directory import KeyDirectory
from unkey_api.areas.keys.verification.types import (
    MalformedKey,
    MigrationNotFinished,
    MigrationNotLoaded,
    VerifiableKey,
)
from unkey_api.core.changes import key_changed
from unkey_api.core.clock import Clock
from unkey_api.core.columns import UnixMs
from unkey_api.core.errors import AppError
from unkey_api.core.ids import KeyHash
from unkey_api.core.keymaterial import read_prefixed_api_key
from unkey_api.infra.mysql import Database, DuplicateKey, StoreUnavailable, Transaction


class MigratedKeys:
    """Finds keys under the hash they were imported with."""

    def __init__(self, database: Database, directory: KeyDirectory, foreign: ForeignHashes, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._foreign = foreign
        self._clock = clock

    async def find(self, workspace_id: str, migration_id: str, key: str, *, key_hash: KeyHash) -> VerifiableKey | None:
        """Return the key, rewritten under `key_hash` if its migration was still pending. None when there is none.

        The key returned is as it was before rewriting. Safe to repeat.

        Raises:
            MalformedKey: The key does not have the form the migration expects.
            MigrationNotLoaded: The migration could not be looked up.
            KeyNotLoaded: The key could not be looked up.
            MigrationNotFinished: The key was found, but could not be rewritten.
            HashingBusy: Too many keys with expensive hashes are presented at once.
        """
        try:
            migration = await find_migration(self._database.reads_of(workspace_id), workspace_id, migration_id)
        except StoreUnavailable as err:
            raise MigrationNotLoaded(err.internal) from err
        if migration is None:
            return None
        if migration.algorithm is MigrationAlgorithm.SHA256:
            found = await self._find_foreign(workspace_id, migration_id, key, key_hash)
        else:
            found = await self._find_prefixed(migration_id, key, key_hash)
        # Another request may have finished the same key since the plain look-up. Otherwise that one is still cached.
        return found or await self._directory.find(key_hash)

    async def _find_prefixed(self, migration_id: str, key: str, key_hash: KeyHash) -> VerifiableKey | None:
        prefixed = read_prefixed_api_key(key)
        if prefixed is None:
            raise MalformedKey
        found = await self._directory.find(prefixed.hash)
        if found is not None and found.pending_migration_id == migration_id:
            await self._finish(found, prefixed.hash, key_hash, prefixed.start)
        return found

    async def _find_foreign(
        self, workspace_id: str, migration_id: str, key: str, key_hash: KeyHash
    ) -> VerifiableKey | None:
        """Look under other spellings and schemes: the plain look-up has seen the hash we keep ourselves."""
        try:
            stored = await self._foreign.find(workspace_id, migration_id, key)
        except StoreUnavailable as err:
            raise MigrationNotLoaded(err.internal) from err
        if stored is None:
            return None
        found = await self._directory.find(stored)
        if found is not None and found.pending_migration_id == migration_id:
            await self._finish(found, stored, key_hash, start_of(key))
        return found

    async def _finish(self, key: VerifiableKey, stored: KeyHash, key_hash: KeyHash, start: str) -> None:
        if key.pending_migration_id is None:
            return
        migrated = queries.MigratedKey(
            id=key.id,
            workspace_id=key.workspace_id,
            migration_id=key.pending_migration_id,
            hash=key_hash,
            start=start[:START_CHARS_MAX],
            now=UnixMs(self._clock.now_ms()),
        )

        async def work(tx: Transaction) -> None:
            await queries.finish_migration(tx, migrated)
            for changed in (stored, key_hash):
                tx.tell(key_changed(key.workspace_id, changed, key.keyspace_id))

        try:
            await self._database.transaction("keys.finish_migration", work)
        except (StoreUnavailable, DuplicateKey) as err:
            raise MigrationNotFinished(_reason(err)) from err


def _reason(err: AppError) -> str:
    return err.internal or str(err)
