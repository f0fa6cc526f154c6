"""Keys by their hash, out of the cache or the database, and whose they are.

Shared by verification and authentication. Owners find cached keys when not a key has changed, but something it
depends on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from unkey_api.areas.keys.verification import queries
from unkey_api.areas.keys.verification.record import from_row, weight_of
from unkey_api.areas.keys.verification.types import KeyNotLoaded, Status, VerifiableKey
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdentityId, KeyHash, KeyspaceId, WorkspaceId
from unkey_api.infra.caching.shelf import MemberIndex
from unkey_api.infra.caching.swr import Cached, CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.mysql import AnyReads, StoreUnavailable
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.settings.stores import CacheSettings

NAME = "verification_key_by_owner"

Owns = Callable[[VerifiableKey], bool]


class KeyOwners:
    """Drops the cached keys that depend on something.

    It keeps indexes of the cache's entries: by keyspace, by identity, by the workspace a root key acts for, and by
    workspace for keys that were granted anything. They hold only what the cache holds. On the bus it looks like a cache
    of its own whose keys are the owners: `keyspace:<id>`, `workspace:<id>`, `identity:<id>`, `role:<workspace>:<name>`
    and `permission:<workspace>:<slug>`; an empty name or slug stands for all of the workspace.
    """

    name = NAME

    def __init__(self, cache: SwrCache[KeyHash, VerifiableKey]) -> None:
        """Watch a cache that is still empty."""
        self._cache = cache
        self._by_keyspace: MemberIndex[KeyspaceId, KeyHash] = MemberIndex()
        self._keyspaces: MemberIndex[WorkspaceId, KeyspaceId] = MemberIndex()
        self._by_identity: MemberIndex[IdentityId, KeyHash] = MemberIndex()
        self._granted: MemberIndex[WorkspaceId, KeyHash] = MemberIndex()
        self._acting: MemberIndex[str, KeyHash] = MemberIndex()
        cache.watch(self)

    def __len__(self) -> int:
        """Return how many owners are indexed."""
        own = len(self._by_keyspace) + len(self._keyspaces) + len(self._acting)
        return own + len(self._by_identity) + len(self._granted)

    # What the cache tells.

    def stored(self, key: KeyHash, value: VerifiableKey | None) -> None:
        """Note an entry."""
        if value is None:
            return
        self._by_keyspace.add(value.keyspace_id, key)
        self._keyspaces.add(value.workspace_id, value.keyspace_id)
        if value.identity is not None:
            self._by_identity.add(value.identity.id, key)
        if value.permissions or value.roles:
            self._granted.add(value.workspace_id, key)
        if value.acts_for is not None:
            self._acting.add(value.acts_for, key)

    def dropped(self, key: KeyHash, value: VerifiableKey | None) -> None:
        """Forget an entry."""
        if value is None:
            return
        self._by_keyspace.discard(value.keyspace_id, key)
        if not self._by_keyspace.of(value.keyspace_id):
            self._keyspaces.discard(value.workspace_id, value.keyspace_id)
        if value.identity is not None:
            self._by_identity.discard(value.identity.id, key)
        self._granted.discard(value.workspace_id, key)
        if value.acts_for is not None:
            self._acting.discard(value.acts_for, key)

    # What is asked of a cache.

    def drop(self, key: str) -> None:
        """Forget the keys of an owner. Raises ValueError when the text names none."""
        kind, _, rest = key.partition(":")
        match kind:
            case "keyspace":
                self._drop(self._by_keyspace.of(KeyspaceId(rest)), lambda found: found.keyspace_id == rest)
            case "workspace":
                self._drop(self._of_workspace(rest), lambda found: rest in {found.workspace_id, found.acts_for})
            case "identity":
                self._drop(
                    self._by_identity.of(IdentityId(rest)),
                    lambda found: found.identity is not None and found.identity.id == rest,
                )
            case "role" | "permission":
                self._drop_granted(kind == "role", rest)
            case _:
                raise ValueError("not an owner of keys")

    def drop_all(self) -> None:
        """Forget all keys."""
        self._cache.drop_all()

    def _drop(self, hashes: Iterable[KeyHash], owned: Owns) -> None:
        for key_hash in hashes:
            self._cache.drop(key_hash)
        # Whose keys are being loaded right now nobody knows, and they may have been read before the commit.
        self._cache.doubt_loads(owned)

    def _drop_granted(self, role: bool, named: str) -> None:  # noqa: FBT001 - role or permission
        workspace_id, _, name = named.partition(":")

        def granted(key: VerifiableKey) -> bool:
            names: Iterable[str] = key.roles if role else key.slugs
            return key.workspace_id == workspace_id and (not name or name in names)

        held = ((key_hash, self._cache.held(key_hash)) for key_hash in self._granted.of(WorkspaceId(workspace_id)))
        self._drop([key_hash for key_hash, key in held if key is not None and granted(key)], granted)

    def _of_workspace(self, workspace_id: str) -> Iterator[KeyHash]:
        for keyspace_id in self._keyspaces.of(WorkspaceId(workspace_id)):
            yield from self._by_keyspace.of(keyspace_id)
        yield from self._acting.of(workspace_id)


CACHE_NAME = "verification_key_by_hash"
WINDOWS = CacheWindows(
    fresh=timedelta(seconds=10), stale=timedelta(minutes=10), max_entries=10_000_000
)  # their bytes are what bounds them

Presented = Literal["key", "root_key"]
"""For what a key is looked up: to be verified, or as a credential."""

KeyCache = SwrCache[KeyHash, VerifiableKey]


def key_cache(
    settings: CacheSettings, *, clock: Clock, refreshes: BackgroundJobs, observer: CacheObserver | None = None
) -> KeyCache:
    """Return an empty cache of keys with the windows callers rely on, bounded as the settings say."""
    windows = replace(WINDOWS, max_bytes=settings.key_bytes, max_absent=settings.absent_keys)
    return SwrCache(CACHE_NAME, clock=clock, windows=windows, refreshes=refreshes, observer=observer, weigh=weight_of)


@dataclass(slots=True)
class LoadCounts:
    """How often keys were found in which status, before anything else was checked. Read by metrics at scrape time."""

    key: Counter[Status] = field(default_factory=Counter)
    """Keys presented for verification."""
    root_key: Counter[Status] = field(default_factory=Counter)
    """Keys presented as credentials."""
    failed: Counter[Presented] = field(default_factory=Counter)
    """Look-ups that came to nothing because the database failed."""


class KeyDirectory:
    """Looks keys up by hash. Absent ones are remembered too; failures are not."""

    def __init__(self, cache: KeyCache, database: AnyReads) -> None:
        self.counts = LoadCounts()
        self._cache = cache
        self._database = database
        self.owners = KeyOwners(cache)
        """Whose the cached keys are."""
        self.peek = cache.peek
        """Return what is fresh in the cache without awaiting, or None: then use `find`."""
        self.held = cache.held
        """Return the key as it was read last, without awaiting; None when it is not cached or unknown."""

    async def find(self, key_hash: KeyHash, presented: Presented = "key") -> VerifiableKey | None:
        """Return the key, or None when there is none. May be stale by the windows of the cache.

        Raises:
            KeyNotLoaded: There was nothing to serve and the database failed.
        """
        try:
            found: Cached[VerifiableKey] = await self._cache.get(key_hash, self._load)
        except KeyNotLoaded:
            self.counts.failed[presented] += 1
            raise
        return found.value

    async def _load(self, key_hash: KeyHash) -> VerifiableKey | None:
        try:
            row = await self._database.read_any(
                lambda conn: queries.find_by_hash(conn, key_hash), subject=key_hash, owners=queries.owners_of
            )
        except StoreUnavailable as err:
            raise KeyNotLoaded(err.internal) from err
        return None if row is None else from_row(row)
