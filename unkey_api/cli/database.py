"""Running a command's work on the configured database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from unkey_api.cli.configuration import read_settings
from unkey_api.container.stores import mysql_settings
from unkey_api.core.clock import SystemClock
from unkey_api.infra.mysql import Database, log_orphan, open_database

T = TypeVar("T")


def on_database(config: str | None, work: Callable[[Database], Awaitable[T]]) -> T:
    """Open the database that the configuration names, run `work` with it, close it and return the result."""

    async def run() -> T:
        settings = mysql_settings(read_settings(config))
        async with open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan) as database:
            return await work(database)

    return asyncio.run(run())
