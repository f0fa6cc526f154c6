"""The caches of a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from unkey_api.apis.live import ApiCache, api_cache
from unkey_api.auth.workspace_limits import LimitsCache, limits_cache
from unkey_api.core.clock import Clock
from unkey_api.infra.caching.swr import CacheObserver
from unkey_api.infra.resilience.background import BackgroundJobs
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.keys.verification.directory import KeyCache, key_cache
from unkey_api.ratelimit.namespaces import NamespaceCache, namespace_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """One of each."""

    keys: KeyCache
    apis: ApiCache
    namespaces: NamespaceCache
    limits: LimitsCache


@asynccontextmanager
async def open_caches(clock: Clock, observer: CacheObserver, metrics: Metrics) -> AsyncIterator[Caches]:
    """Make the caches; on leaving, refreshes that have begun finish."""
    refreshes = BackgroundJobs("cache.refreshes")
    caches = Caches(
        keys=key_cache(clock=clock, refreshes=refreshes, observer=observer),
        apis=api_cache(clock=clock, refreshes=refreshes, observer=observer),
        namespaces=namespace_cache(clock=clock, refreshes=refreshes, observer=observer),
        limits=limits_cache(clock=clock, refreshes=refreshes, observer=observer),
    )
    for cache in (caches.keys, caches.apis, caches.namespaces, caches.limits):
        metrics.caches.watch(cache.name, cache.counts, size=cache.__len__, capacity=cache.capacity)
    try:
        yield caches
    finally:
        await refreshes.close()
