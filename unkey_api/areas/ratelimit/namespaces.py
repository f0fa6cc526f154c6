"""Finding namespaces, from a cache where possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias

from unkey_api.areas.ratelimit import queries
from unkey_api.areas.ratelimit.types import Namespace
from unkey_api.core.clock import Clock
from unkey_api.infra.caching.swr import Cached, CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.mysql import Database, ReadConn
from unkey_api.infra.resilience.tasks import BackgroundJobs

CACHE = "ratelimit_namespace"
WINDOWS = CacheWindows(fresh=timedelta(minutes=1), stale=timedelta(days=1), max_entries=1_000_000)

NamespaceKey: TypeAlias = tuple[str, str]
"""Workspace, then id or name of the namespace as the caller wrote it."""
NamespaceCache: TypeAlias = SwrCache[NamespaceKey, Namespace]


def namespace_cache(
    *, clock: Clock, refreshes: BackgroundJobs, observer: CacheObserver | None = None
) -> NamespaceCache:
    """Return an empty cache of namespaces with the windows callers rely on."""
    return SwrCache(CACHE, clock=clock, windows=WINDOWS, refreshes=refreshes, observer=observer)


async def read_namespace(conn: ReadConn, workspace_id: str, key: str) -> Namespace | None:
    """Return the namespace with this id or else this name as the store has it, deleted or not."""
    found = await queries.find_with_overrides(conn, workspace_id, (key,))
    return next((namespace for namespace in found if namespace.id == key), found[0] if found else None)


class Namespaces:
    """Looks up namespaces by id or name. A deleted namespace is found, and marked as such."""

    def __init__(self, cache: NamespaceCache, database: Database) -> None:
        self._cache = cache
        self._database = database

    def peek(self, workspace_id: str, key: str) -> Cached[Namespace] | None:
        """Return what is known and fresh, without waiting. None means that `find` has to be asked."""
        return self._cache.peek((workspace_id, key))

    async def find(self, workspace_id: str, key: str) -> Namespace | None:
        """Return the namespace, or None when there is none. Overrides are up to a minute old.

        Raises:
            StoreUnavailable: It is not known here and could not be read.
        """
        return (await self._cache.get((workspace_id, key), self._load)).value

    async def find_many(self, workspace_id: str, keys: Iterable[str]) -> Mapping[str, Namespace | None]:
        """Return an entry for each of `keys`, with at most one statement. Raises as `find` does."""
        found = await self._cache.get_many([(workspace_id, key) for key in keys], self._load_many)
        return {key: cached.value for (_, key), cached in found.items()}

    def keep(self, workspace_id: str, namespace: Namespace) -> None:
        """Remember a namespace that was created in this very step of the event loop, under its id and its name."""
        self._cache.set((workspace_id, namespace.id), namespace)
        self._cache.set((workspace_id, namespace.name), namespace)

    async def find_current(self, workspace_id: str, key: str) -> Namespace | None:
        """Forget what is known, and return the namespace as the primary has it. Raises as `find` does."""
        self._cache.drop((workspace_id, key))
        return (await self._cache.get((workspace_id, key), self._load_current)).value

    async def _load(self, key: NamespaceKey) -> Namespace | None:
        return await read_namespace(self._database.reads_of(key[0]), *key)

    async def _load_current(self, key: NamespaceKey) -> Namespace | None:
        return await read_namespace(self._database.primary, *key)

    async def _load_many(self, keys: Sequence[NamespaceKey]) -> Mapping[NamespaceKey, Namespace]:
        workspace_id = keys[0][0]
        conn = self._database.reads_of(workspace_id)
        found = await queries.find_with_overrides(conn, workspace_id, [key for _, key in keys])
        known = {namespace.name: namespace for namespace in found} | {namespace.id: namespace for namespace in found}
        return {key: known[key[1]] for key in keys if key[1] in known}
