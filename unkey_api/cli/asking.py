"""What `unkey-api analytics …` does. Apart from the commands, whose start would wait for the parser of SQL."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from unkey_api.areas.analytics.service import ask
from unkey_api.areas.analytics.service.connections import Connections, analytics_caches
from unkey_api.areas.analytics.service.provision import ProvisionWorkspace
from unkey_api.areas.analytics.tables import GATEWAY_REQUESTS, RATELIMITS, RUNTIME_LOGS, VERIFICATIONS, Tables
from unkey_api.areas.analytics.types import Quotas
from unkey_api.cli.databases import read_settings
from unkey_api.container.part_settings import mysql_settings
from unkey_api.core.clock import SystemClock
from unkey_api.core.errors import InvalidInput
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.infra.clickhouse.reading import open_query_reader
from unkey_api.infra.mysql import Database, log_orphan, open_database
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.infra.vault import VaultClient, open_vault
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url
from unkey_api.settings.sections import Settings

T = TypeVar("T")
Work = Callable[[AsyncExitStack, Settings, Database, VaultClient], Awaitable[T]]


def provision_workspace(config: str | None, workspace: str, quotas: Quotas) -> int:
    """Set up a workspace's login; return for how many days it can ask. Raises as `ProvisionWorkspace` does."""

    async def work(stack: AsyncExitStack, settings: Settings, database: Database, vault: VaultClient) -> int:
        url = settings.clickhouse.url.reveal() if settings.clickhouse else ""
        if not url:
            raise InvalidInput("`clickhouse.url` is not set: it names the server and a login that may manage users.")
        client = await stack.enter_async_context(open_clickhouse(parse_clickhouse_url(url)))
        use_case = ProvisionWorkspace(database, vault, client, clock=SystemClock(), random_bytes=secrets.token_bytes)
        return await use_case(workspace, quotas)

    return _with_vault(config, work)


def rows_of(config: str | None, workspace: str, sql: str) -> bytes:
    """Return the rows of a query of a workspace as a JSON array. Raises as `Ask` does."""

    async def work(stack: AsyncExitStack, settings: Settings, database: Database, vault: VaultClient) -> bytes:
        url = settings.clickhouse.analytics_url.reveal() if settings.clickhouse else ""
        reader = await stack.enter_async_context(open_query_reader(parse_clickhouse_url(url))) if url else None
        clock = SystemClock()
        refreshes = BackgroundJobs("cli.refreshes")
        stack.push_async_callback(refreshes.close)
        caches = analytics_caches(clock=clock, refreshes=refreshes)
        use_case = ask.Ask(Connections(caches, database.reads_of, vault, reader), clock=clock)
        rows = await use_case.of_workspace(workspace, _tables_of(sql), (), sql, big_as_text=False)
        return rows.as_json()

    return _with_vault(config, work)


def _with_vault(config: str | None, work: Work[T]) -> T:
    async def run() -> T:
        settings, clock = read_settings(config), SystemClock()
        if settings.vault is None or not settings.vault.url:
            raise InvalidInput("`vault.url` is not set: the vault keeps the passwords of the workspaces' logins.")
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(
                open_database(mysql_settings(settings), clock=clock, on_orphan_error=log_orphan)
            )
            vault = await stack.enter_async_context(open_vault(settings.vault.url, settings.vault.token))
            return await work(stack, settings, database, vault)

    return asyncio.run(run())


def _tables_of(sql: str) -> Tables:
    """Return the tables of the operation that a query means. One asks about one thing."""
    for tables in (RATELIMITS, GATEWAY_REQUESTS, RUNTIME_LOGS):
        if any(name in sql for name in tables):
            return tables
    return VERIFICATIONS
