"""`unkey-api migrate`."""

from __future__ import annotations

import asyncio

from rich.console import Console
from rich.progress import Progress

from unkey_api.areas.parts import with_fresh_ids
from unkey_api.areas.rootkeys.keyspace import ensure_root_keyspace
from unkey_api.container.databases import mysql_settings
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.infra.clickhouse.migrate import migrate as migrate_clickhouse
from unkey_api.infra.mysql import log_orphan, open_database
from unkey_api.infra.mysql.migrations import migrate as migrate_mysql
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url
from unkey_api.settings.sections import Settings


async def run_migrations(settings: Settings, console: Console) -> None:
    """Bring both databases up to date, showing progress. Safe to repeat and to run from several places at once."""
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("MySQL", total=None)
        applied = await migrate_mysql(
            mysql_settings(settings),
            on_progress=lambda name, done, total: progress.update(
                task, description=f"MySQL {name}", completed=done, total=total
            ),
        )
    await _ensure_root_key_home(settings)
    console.print(f"MySQL: {len(applied)} migrations applied." if applied else "MySQL: up to date.")
    url = settings.clickhouse.url.reveal() if settings.clickhouse else ""
    if url:
        async with open_clickhouse(parse_clickhouse_url(url)) as client:
            count = len(await migrate_clickhouse(client))
        console.print(f"ClickHouse: {count} migrations applied." if count else "ClickHouse: up to date.")


async def _ensure_root_key_home(settings: Settings) -> None:
    clock, ids = SystemClock(), RandomIds()
    async with open_database(mysql_settings(settings), clock=clock, on_orphan_error=log_orphan) as database:
        await with_fresh_ids(lambda: ensure_root_keyspace(database, clock=clock, ids=ids), asyncio.sleep)
