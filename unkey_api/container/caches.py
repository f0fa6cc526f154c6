"""The caches of a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from unkey_api.areas.analytics.service.connections import AnalyticsCaches, analytics_caches
from unkey_api.areas.apis.live import ApiCache, api_cache
from unkey_api.areas.keys.verification.directory import KeyCache, key_cache
from unkey_api.areas.portal.sessions import SessionCache, session_cache
from unkey_api.areas.ratelimit.namespaces import NamespaceCache, namespace_cache
from unkey_api.auth.workspace_limits import LimitsCache, limits_cache
from unkey_api.auth.workspaces import WorkspaceCache, workspace_cache
from unkey_api.core.clock import Clock
from unkey_api.infra.caching.swr import CacheObserver, SwrCache
from unkey_api.infra.resilience.background import BackgroundJobs
from unkey_api.infra.telemetry.collectors import CacheRoom
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.settings.stores import CacheSettings

AnyCache: TypeAlias = SwrCache[Any, Any]  # keys and values of all kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """One of each."""

    keys: KeyCache
    apis: ApiCache
    namespaces: NamespaceCache
    limits: LimitsCache
    workspaces: WorkspaceCache
    portal_sessions: SessionCache
    analytics: AnalyticsCaches

    def all(self) -> tuple[AnyCache, ...]:
        """Return every cache."""
        named = (self.keys, self.apis, self.namespaces, self.limits, self.workspaces, self.portal_sessions)
        return (*named, self.analytics.settings, self.analytics.logins)


def _watch(cache: AnyCache, metrics: Metrics) -> None:
    windows = cache.windows
    metrics.caches.watch(
        cache.name,
        cache.counts,
        size=lambda: cache.present,
        capacity=windows.max_entries,
        absent=CacheRoom(lambda: cache.absent, windows.max_absent),
        memory=None if windows.max_bytes is None else CacheRoom(lambda: cache.bytes, windows.max_bytes),
    )


@asynccontextmanager
async def open_caches(
    settings: CacheSettings, clock: Clock, observer: CacheObserver, metrics: Metrics
) -> AsyncIterator[Caches]:
    """Make the caches; on leaving, refreshes that have begun finish."""
    refreshes = BackgroundJobs("cache.refreshes")
    caches = Caches(
        keys=key_cache(settings, clock=clock, refreshes=refreshes, observer=observer),
        apis=api_cache(clock=clock, refreshes=refreshes, observer=observer),
        namespaces=namespace_cache(clock=clock, refreshes=refreshes, observer=observer),
        limits=limits_cache(clock=clock, refreshes=refreshes, observer=observer),
        workspaces=workspace_cache(clock=clock, refreshes=refreshes, observer=observer),
        portal_sessions=session_cache(clock=clock, refreshes=refreshes, observer=observer),
        analytics=analytics_caches(clock=clock, refreshes=refreshes, observer=observer),
    )
    for cache in caches.all():
        _watch(cache, metrics)
    try:
        yield caches
    finally:
        await refreshes.close()
