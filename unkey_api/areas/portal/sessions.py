"""Finding sessions by their access token, from a cache where possible."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

from unkey_api.areas.portal.types import PortalSessionRow
from unkey_api.core.clock import Clock
from unkey_api.infra.caching.swr import CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.mysql import AnyReads, load_query
from unkey_api.infra.resilience.tasks import BackgroundJobs

CACHE = "portal_session"
WINDOWS = CacheWindows(fresh=timedelta(seconds=10), stale=timedelta(minutes=5), max_entries=100_000)

SessionCache: TypeAlias = SwrCache[str, PortalSessionRow]
"""Keyed by the digest of the access token."""

_FIND = load_query(__package__, "portal_session_find_by_token_hash", row=PortalSessionRow)


def session_cache(*, clock: Clock, refreshes: BackgroundJobs, observer: CacheObserver | None = None) -> SessionCache:
    """Return an empty cache of sessions with the windows callers rely on."""
    return SwrCache(CACHE, clock=clock, windows=WINDOWS, refreshes=refreshes, observer=observer)


class PortalSessions:
    """Looks up sessions, whatever their state."""

    def __init__(self, cache: SessionCache, database: AnyReads) -> None:
        self._cache = cache
        self._database = database

    async def find(self, token_hash: str) -> PortalSessionRow | None:
        """Return the session with this digest of its access token, or None. Up to ten seconds old, or five minutes.

        Raises:
            StoreUnavailable: It is not known here and could not be read.
        """
        return (await self._cache.get(token_hash, self._load)).value

    def held(self, token_hash: str) -> PortalSessionRow | None:
        """Return the session as it was read last, without asking anybody."""
        return self._cache.held(token_hash)

    async def _load(self, token_hash: str) -> PortalSessionRow | None:
        return await self._database.read_any(
            lambda conn: conn.fetch_one(_FIND, {"hash": token_hash}),
            subject=token_hash,
            owners=lambda session: (session.workspace_id,),
        )
