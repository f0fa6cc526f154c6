"""How each workspace asks: its settings, its login, and a bound on its queries at one time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from unkey_api.areas.analytics import queries
from unkey_api.areas.analytics.errors import AnalyticsUnavailable, NotConfigured
from unkey_api.areas.analytics.types import WorkspaceSettings
from unkey_api.core.clock import Clock
from unkey_api.infra.caching.swr import CacheObserver, CacheWindows, SwrCache
from unkey_api.infra.clickhouse.reading import Login, QueryReader
from unkey_api.infra.mysql import ReadsOf
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.infra.vault import VaultClient, VaultUnavailable

SETTINGS_CACHE = "clickhouse_setting"
SETTINGS_WINDOWS = CacheWindows(fresh=timedelta(minutes=1), stale=timedelta(days=1), max_entries=1_000_000)
LOGINS_CACHE = "clickhouse_analytics_connection"
LOGINS_WINDOWS = CacheWindows(fresh=timedelta(days=1), stale=timedelta(days=1), max_entries=1_000)
QUERIES_AT_ONCE = 10
"""Of one workspace in one process; an answer may take 8 MB while it is read."""

SettingsCache: TypeAlias = SwrCache[str, WorkspaceSettings]
"""By workspace."""
LoginKey: TypeAlias = tuple[str, str, str]
"""Workspace, user name, encrypted password: after a change of any, the login is another one."""
LoginCache: TypeAlias = SwrCache[LoginKey, Login]


@dataclass(frozen=True, slots=True)
class AnalyticsCaches:
    """What is remembered of workspaces that ask."""

    settings: SettingsCache
    logins: LoginCache


def analytics_caches(
    *, clock: Clock, refreshes: BackgroundJobs, observer: CacheObserver | None = None
) -> AnalyticsCaches:
    """Return empty caches with the windows callers rely on."""
    return AnalyticsCaches(
        SwrCache(SETTINGS_CACHE, clock=clock, windows=SETTINGS_WINDOWS, refreshes=refreshes, observer=observer),
        SwrCache(LOGINS_CACHE, clock=clock, windows=LOGINS_WINDOWS, refreshes=refreshes, observer=observer),
    )


@dataclass(frozen=True, slots=True)
class Connection:
    """How one workspace asks now."""

    settings: WorkspaceSettings
    login: Login
    reader: QueryReader


class Connections:
    """Finds out how workspaces ask. Without a reader or a vault, nobody can."""

    def __init__(
        self, caches: AnalyticsCaches, reads_of: ReadsOf, vault: VaultClient | None, reader: QueryReader | None
    ) -> None:
        self._caches = caches
        self._reads_of = reads_of
        self._vault = vault
        self._reader = reader
        self._running: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def find(self, workspace_id: str) -> Connection:
        """Return how a workspace asks. Settings are up to a minute old, plus one answer older than that.

        Raises:
            NotConfigured: This server, or the workspace, is not set up for it.
            AnalyticsUnavailable: The vault does not decrypt the workspace's password.
            StoreUnavailable: The settings are not known here and could not be read.
        """
        if self._vault is None or self._reader is None:
            raise NotConfigured("Analytics are not configured for this instance")
        settings = (await self._caches.settings.get(workspace_id, self._load_settings)).value
        if settings is None:
            raise NotConfigured("ClickHouse analytics is not configured for this workspace")
        key = (workspace_id, settings.username, settings.password_encrypted)
        login = (await self._caches.logins.get(key, self._load_login)).value
        if login is None:
            raise AssertionError("a login was loaded")
        return Connection(settings, login, self._reader)

    def forget(self, workspace_id: str, settings: WorkspaceSettings) -> None:
        """Forget a workspace's settings and login, because ClickHouse did not accept the login."""
        self._caches.settings.drop(workspace_id)
        self._caches.logins.drop((workspace_id, settings.username, settings.password_encrypted))

    @asynccontextmanager
    async def turn(self, workspace_id: str) -> AsyncIterator[None]:
        """Wait until the workspace has fewer than `QUERIES_AT_ONCE` queries running."""
        semaphore, users = self._running.get(workspace_id, (asyncio.Semaphore(QUERIES_AT_ONCE), 0))
        self._running[workspace_id] = (semaphore, users + 1)
        try:
            async with semaphore:
                yield
        finally:
            _, users = self._running[workspace_id]
            if users == 1:
                del self._running[workspace_id]
            else:
                self._running[workspace_id] = (semaphore, users - 1)

    async def _load_settings(self, workspace_id: str) -> WorkspaceSettings | None:
        return await queries.find_settings(self._reads_of(workspace_id), workspace_id)

    async def _load_login(self, key: LoginKey) -> Login:
        workspace_id, username, password_encrypted = key
        if self._vault is None:
            raise AssertionError("there is a vault where there are settings")
        try:
            password = await self._vault.decrypt(workspace_id, password_encrypted)
        except VaultUnavailable as error:
            raise AnalyticsUnavailable(
                "Failed to connect to ClickHouse analytics database", internal=error.internal or str(error)
            ) from error
        return Login(username, password)
