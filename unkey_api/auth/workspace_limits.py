"""How often a workspace may call, from a cache."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from unkey_api.core.clock import Clock
from unkey_api.infra.caching.swr import CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.mysql import ReadConn, load_query
from unkey_api.infra.resilience.tasks import BackgroundJobs

CACHE = "workspace_limits"
WINDOWS = CacheWindows(fresh=timedelta(minutes=1), stale=timedelta(days=1), max_entries=100_000)


@dataclass(frozen=True, slots=True)
class WorkspaceLimits:
    """What a workspace is limited to."""

    requests_per_minute: int | None
    """None means no limit, 0 that nothing is let through."""


LimitsCache: TypeAlias = SwrCache[str, WorkspaceLimits]
"""Keyed by workspace id."""

_FIND = load_query(__package__, "limits_find_by_workspace", row=WorkspaceLimits)


def limits_cache(*, clock: Clock, refreshes: BackgroundJobs, observer: CacheObserver | None = None) -> LimitsCache:
    """Return an empty cache of workspace limits with the windows callers rely on."""
    return SwrCache(CACHE, clock=clock, windows=WINDOWS, refreshes=refreshes, observer=observer)


async def find_workspace_limits(conn: ReadConn, workspace_id: str) -> WorkspaceLimits | None:
    """Return the limits of a workspace, or None when it has no row."""
    return await conn.fetch_one(_FIND, {"workspace_id": workspace_id})
