"""APIs as most operations see them: live ones of the caller's workspace, from a cache."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

from unkey_api.areas.apis import queries
from unkey_api.areas.apis.types import LiveApi
from unkey_api.areas.keys.errors import ApiNotFound
from unkey_api.core.clock import Clock
from unkey_api.infra.caching.swr import CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.mysql import ReadsOf
from unkey_api.infra.resilience.tasks import BackgroundJobs

CACHE = "live_api_by_id"
WINDOWS = CacheWindows(fresh=timedelta(seconds=10), stale=timedelta(days=1), max_entries=1_000_000)

ApiKey: TypeAlias = tuple[str, str]
"""Workspace of the caller, id of the API."""
ApiCache: TypeAlias = SwrCache[ApiKey, LiveApi]


def api_cache(*, clock: Clock, refreshes: BackgroundJobs, observer: CacheObserver | None = None) -> ApiCache:
    """Return an empty cache of APIs with the windows callers rely on."""
    return SwrCache(CACHE, clock=clock, windows=WINDOWS, refreshes=refreshes, observer=observer)


class LiveApis:
    """Looks up APIs that are not deleted."""

    def __init__(self, cache: ApiCache, reads_of: ReadsOf) -> None:
        self._cache = cache
        self._reads_of = reads_of

    async def get(self, workspace_id: str, api_id: str) -> LiveApi:
        """Return the API. Up to ten seconds old, plus one answer older than that after a quiet time.

        Raises:
            ApiNotFound: It does not exist, is deleted, or belongs to another workspace.
            StoreUnavailable: It is not known here and could not be read.
        """
        api = await self.find(workspace_id, api_id)
        if api is None:
            raise ApiNotFound.by_id(api_id)
        return api

    async def find(self, workspace_id: str, api_id: str) -> LiveApi | None:
        """Return the same, or None where `get` raises ApiNotFound."""
        api = (await self._cache.get((workspace_id, api_id), self._load)).value
        return api if api is not None and api.workspace_id == workspace_id else None

    async def _load(self, key: ApiKey) -> LiveApi | None:
        return await queries.find_live(self._reads_of(key[0]), key[1])
