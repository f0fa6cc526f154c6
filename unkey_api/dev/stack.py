"""Everything the service needs, started together, migrated, filled with demo data."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdSource
from unkey_api.core.secret import Secret
from unkey_api.dev.demo import Demo, Seeder
from unkey_api.dev.folder import Addresses, DevOptions, load_secrets, render_config, write_private
from unkey_api.dev.mariadb import Mariadb, mariadb
from unkey_api.dev.ports import on_a_free_port, remember_ports, remembered_ports
from unkey_api.dev.servers import ClickHouse, Valkey, Vault, clickhouse, valkey, vault
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.infra.clickhouse.migrate import migrate as migrate_clickhouse
from unkey_api.infra.mysql import MysqlSettings, log_orphan, open_database, parse_dsn
from unkey_api.infra.mysql.migrations import migrate as migrate_mysql
from unkey_api.infra.vault import open_vault
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url

Running = TypeVar("Running")
Say = Callable[[str], None]
"""Shows one line of progress."""

PORT_NAMES = ("mariadb", "valkey", "clickhouse", "vault")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The running children."""

    database: Mariadb
    counters: Valkey
    analytics: ClickHouse
    vault: Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack that is ready to be served from."""

    config: Path
    """Configuration file for `serve`."""
    demo: Demo
    first_start: bool
    """Whether the demo data was created now."""


@asynccontextmanager
async def running_stack(options: DevOptions, *, clock: Clock, ids: IdSource, say: Say) -> AsyncIterator[Stack]:
    """Start the stores in the data folder, bring their schemas up to date and seed them; stop them on the way out.

    The caller holds the folder's lock.

    Raises:
        ChildFailed, MariadbMissing, ValkeyMissing: A store did not start; the message says which and why.
    """
    folder = options.data_dir.resolve()
    async with running_stores(folder, say=say) as stores:
        addresses = Addresses(
            database=Secret(stores.database.dsn),
            redis=stores.counters.url,
            clickhouse=stores.analytics.url,
            vault=stores.vault.url,
            vault_token=stores.vault.token,
        )
        say("preparing the schemas")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_prepare_analytics(stores.analytics))
                seeded = tasks.create_task(_prepare_database(stores, folder / "demo.json", clock=clock, ids=ids))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        config = folder / "unkey.toml"
        write_private(config, render_config(options, addresses))
        demo, first_start = seeded.result()
        yield Stack(config=config, demo=demo, first_start=first_start)


@asynccontextmanager
async def running_stores(folder: Path, *, say: Say) -> AsyncIterator[Stores]:
    """Start the stores, all at the same time, on the ports they had last time where those are free."""
    ports = remembered_ports(folder / "ports.json", PORT_NAMES)
    known = load_secrets(folder / "secrets.json", secrets.token_bytes)
    async with AsyncExitStack() as stack:
        say("starting MariaDB, Valkey, ClickHouse and the vault")

        async def enter(name: str, open_on: Callable[[int], AbstractAsyncContextManager[Running]]) -> Running:
            running, ports[name] = await on_a_free_port(
                lambda port: stack.enter_async_context(open_on(port)), ports[name]
            )
            return running

        try:
            async with asyncio.TaskGroup() as tasks:
                password = known.database.reveal()
                database = tasks.create_task(enter("mariadb", lambda port: mariadb(folder / "mariadb", port, password)))
                counters = tasks.create_task(enter("valkey", lambda port: valkey(folder / "valkey", port)))
                analytics = tasks.create_task(enter("clickhouse", lambda port: clickhouse(folder / "clickhouse", port)))
                safe = tasks.create_task(enter("vault", lambda port: vault(folder / "vault", port, known.vault)))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        remember_ports(folder / "ports.json", ports)
        yield Stores(
            database=database.result(), counters=counters.result(), analytics=analytics.result(), vault=safe.result()
        )


async def _prepare_analytics(analytics: ClickHouse) -> None:
    async with open_clickhouse(parse_clickhouse_url(analytics.url)) as client:
        await migrate_clickhouse(client)


async def _prepare_database(stores: Stores, file: Path, *, clock: Clock, ids: IdSource) -> tuple[Demo, bool]:
    settings = MysqlSettings(primary=parse_dsn(stores.database.dsn))
    await migrate_mysql(settings)
    async with (
        open_database(settings, clock=clock, on_orphan_error=log_orphan) as db,
        open_vault(stores.vault.url, stores.vault.token) as safe,
    ):
        return await Seeder(db, safe, clock=clock, ids=ids, random_bytes=secrets.token_bytes).ensure(file)
