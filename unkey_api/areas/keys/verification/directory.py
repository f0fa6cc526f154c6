"""Keys by their hash, out of the cache or the database. Shared by verification and authentication."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from unkey_api.areas.keys.verification import queries
from unkey_api.areas.keys.verification.errors import KeyNotLoaded
from unkey_api.areas.keys.verification.owners import KeyOwners
from unkey_api.areas.keys.verification.record import from_row
from unkey_api.areas.keys.verification.types import Status, VerifiableKey
from unkey_api.areas.keys.verification.weight import weight_of
from unkey_api.core.clock import Clock
from unkey_api.core.ids import KeyHash
from unkey_api.infra.caching.swr import Cached, CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.mysql import AnyReads, StoreUnavailable
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.settings.stores import CacheSettings

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
