"""Running a command's work on the configured database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from unkey_api.cli.configuration import read_settings
from unkey_api.container.announcing import announcing
from unkey_api.container.databases import mysql_settings
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import Database, log_orphan, open_database

T = TypeVar("T")


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
