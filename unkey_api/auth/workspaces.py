"""The workspace of an organization, from a cache."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from unkey_api.core.clock import Clock
from unkey_api.core.ids import WorkspaceId
from unkey_api.infra.caching.swr import CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.mysql import ANY_WORKSPACE, AnyReads, load_query
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
