"""What the configuration says to the parts of the service, in their own words; commands use it too.

How the time for closing is shared out, so that what is away at the end does not take the others' share; how to reach
MySQL; what hashes of other systems may cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from unkey_api.areas.keys.schemes.salted import HashCaps
from unkey_api.infra.mysql import MysqlSettings, parse_dsn
from unkey_api.settings.sections import KeyMigrationSettings, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownBudget:
    """Seconds each step of closing may take, in the order in which they happen; together less than the budget."""

    counters: float
    """Spends still to be told to Redis."""
    credits: float
    """Spent credits still to be written to MySQL."""
    rows: float
    """Rows still to be written to ClickHouse."""
    writes: timedelta
    """Transactions still under way."""
    spans: float
    """Spans still to be sent to the collector."""


def shutdown_budget(budget: timedelta) -> ShutdownBudget:
    """Share out the budget for closing."""
    seconds = budget.total_seconds()
    return ShutdownBudget(
        counters=min(5.0, 0.1 * seconds),
        credits=min(30.0, 0.3 * seconds),
        rows=0.3 * seconds,
        writes=min(timedelta(seconds=10), 0.1 * budget),
        spans=min(3.0, 0.1 * seconds),
    )


@asynccontextmanager
async def close_concurrently(contexts: Sequence[AbstractAsyncContextManager[None]]) -> AsyncIterator[None]:
    """Enter one after the other, leave all at once: each may take its grace, all of them take no longer."""
    entered: list[AbstractAsyncContextManager[None]] = []
    try:
        for context in contexts:
            await context.__aenter__()
            entered.append(context)
        yield
    finally:
        await asyncio.gather(*(context.__aexit__(None, None, None) for context in entered))


def mysql_settings(settings: Settings) -> MysqlSettings:
    """Return how to reach the database."""
    database = settings.database
    replica = database.readonly_replica.reveal()
    return MysqlSettings(
        primary=parse_dsn(database.primary.reveal()),
        replica=parse_dsn(replica) if replica else None,
        region=settings.region,
        startup_attempts=database.startup_attempts,
        statement_timeout=database.statement_timeout,
        max_open=database.max_open,
        max_idle=min(database.max_idle, database.max_open),
        max_lifetime=database.max_lifetime,
        max_idle_time=database.max_idle_time,
        connect_timeout=database.connect_timeout,
        acquire_timeout=database.acquire_timeout,
        close_timeout=shutdown_budget(settings.shutdown_timeout).writes,
        replica_lag_max=settings.revocation.replica_lag_max,
    )


def hash_caps(chosen: KeyMigrationSettings) -> HashCaps:
    """Return what a hash may cost that is imported."""
    return HashCaps(
        bcrypt_cost=chosen.bcrypt_cost_max,
        argon2_kib=chosen.argon2_memory_max,
        argon2_passes=chosen.argon2_passes_max,
        argon2_lanes=chosen.argon2_lanes_max,
    )
