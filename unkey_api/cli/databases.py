"""How a command comes to what it works with: settings, databases brought up to date, the operators' use cases."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from unkey_api.admin.service import AdminService
from unkey_api.areas.parts import with_fresh_ids
from unkey_api.areas.rootkeys.keyspace import ensure_root_keyspace
from unkey_api.audit.service import AuditLog
from unkey_api.container.announcing import announcing
from unkey_api.container.inspection import of_databases
from unkey_api.container.part_settings import mysql_settings
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.infra.clickhouse.migrate import migrate as migrate_clickhouse
from unkey_api.infra.mysql import Database, log_orphan, open_database
from unkey_api.infra.mysql.migrations import migrate as migrate_mysql
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url
from unkey_api.settings.load import Inspect, load_settings
from unkey_api.settings.sections import Settings
from unkey_api.settings.source import ConfigError

T = TypeVar("T")
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", help="Path of the TOML file, or TOML text. Default: $UNKEY_CONFIG, then unkey.toml."),
]


def read_settings(config: str | None, *, inspect: Inspect = of_databases) -> Settings:
    """Return the settings, or print every problem with its place and end the process with status 1.

    `inspect` looks at what the command will open.
    """
    try:
        return load_settings(config, os.environ, inspect=inspect)
    except ConfigError as err:
        console = Console(stderr=True)
        console.print(f"[red]The configuration ({escape(err.source)}) cannot be used:[/red]", soft_wrap=True)
        for problem in err.problems:
            console.print(f"  {problem}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from err


def on_database(config: str | None, work: Callable[[Database], Awaitable[T]]) -> T:
    """Open the database that the configuration names, run `work` with it, close it and return the result.

    Running servers are told what it changed.
    """

    async def run() -> T:
        settings, clock = read_settings(config), SystemClock()
        async with (
            open_database(mysql_settings(settings), clock=clock, on_orphan_error=log_orphan) as database,
            announcing(settings, database, clock=clock, ids=RandomIds()),
        ):
            return await work(database)

    return asyncio.run(run())


def as_admin(config: str | None, work: Callable[[AdminService], Awaitable[T]]) -> T:
    """Run `work` with the operator's use cases on the configured database."""

    def seated(database: Database) -> Awaitable[T]:
        clock, ids = SystemClock(), RandomIds()
        audit = AuditLog(clock=clock, ids=ids)
        return work(AdminService(database, audit=audit, clock=clock, ids=ids, random_bytes=secrets.token_bytes))

    return on_database(config, seated)


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
