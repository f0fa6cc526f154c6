"""What is known of workspaces from caches: by their organization, and how often each may call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from unkey_api.core.clock import Clock
from unkey_api.core.ids import WorkspaceId
from unkey_api.infra.caching.swr import CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.mysql import ANY_WORKSPACE, AnyReads, ReadConn, load_query
from unkey_api.infra.resilience.tasks import BackgroundJobs

CACHE = "workspace_by_org_id"
WINDOWS = CacheWindows(fresh=timedelta(seconds=10), stale=timedelta(minutes=10), max_entries=100_000)


@dataclass(frozen=True, slots=True)
class OrganizationWorkspace:
    """A workspace that is not deleted."""

    id: WorkspaceId
    enabled: bool


WorkspaceCache: TypeAlias = SwrCache[str, OrganizationWorkspace]
"""Keyed by organization id."""

_FIND = load_query(__package__, "workspace_find_by_org_id", row=OrganizationWorkspace)


def workspace_cache(
    *, clock: Clock, refreshes: BackgroundJobs, observer: CacheObserver | None = None
) -> WorkspaceCache:
    """Return an empty cache of workspaces with the windows callers rely on."""
    return SwrCache(CACHE, clock=clock, windows=WINDOWS, refreshes=refreshes, observer=observer)


class Workspaces:
    """Looks up workspaces by their organization."""

    def __init__(self, cache: WorkspaceCache, database: AnyReads) -> None:
        self._cache = cache
        self._database = database

    async def find(self, organization_id: str) -> OrganizationWorkspace | None:
        """Return the workspace, or None when there is none or it is deleted. Up to ten seconds old, or ten minutes.

        Raises:
            StoreUnavailable: It is not known here and could not be read.
        """
        return (await self._cache.get(organization_id, self._load)).value

    def is_known(self, organization_id: str) -> bool:
        """Say whether the organization had an enabled workspace when it was read last. Asks nobody."""
        workspace = self._cache.held(organization_id)
        return workspace is not None and workspace.enabled

    async def _load(self, organization_id: str) -> OrganizationWorkspace | None:
        return await self._database.read_any(
            lambda conn: conn.fetch_one(_FIND, {"org_id": organization_id}),
            subject=ANY_WORKSPACE,
            owners=lambda workspace: (workspace.id,),
        )


LIMITS_CACHE = "workspace_limits"
LIMITS_WINDOWS = CacheWindows(fresh=timedelta(minutes=1), stale=timedelta(days=1), max_entries=100_000)


@dataclass(frozen=True, slots=True)
class WorkspaceLimits:
    """What a workspace is limited to."""

    requests_per_minute: int | None
    """None means no limit, 0 that nothing is let through."""


LimitsCache: TypeAlias = SwrCache[str, WorkspaceLimits]
"""Keyed by workspace id."""

_FIND_LIMITS = load_query(__package__, "limits_find_by_workspace", row=WorkspaceLimits)


def limits_cache(*, clock: Clock, refreshes: BackgroundJobs, observer: CacheObserver | None = None) -> LimitsCache:
    """Return an empty cache of workspace limits with the windows callers rely on."""
    return SwrCache(LIMITS_CACHE, clock=clock, windows=LIMITS_WINDOWS, refreshes=refreshes, observer=observer)


async def find_workspace_limits(conn: ReadConn, workspace_id: str) -> WorkspaceLimits | None:
    """Return the limits of a workspace, or None when it has no row."""
    return await conn.fetch_one(_FIND_LIMITS, {"workspace_id": workspace_id})
