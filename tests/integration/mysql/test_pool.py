"""How long connections live, and how many are kept."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from tests.integration.mysql.conftest import MY_ID
from tests.support.clock import FixedClock
from tests.support.mysql import settings_for
from tests.support.waiting import eventually
from unkey_api.infra.mysql import (
    CommitFailed,
    Database,
    Dsn,
    MysqlSettings,
    StoreUnavailable,
    WriteConn,
    log_orphan,
    open_database,
)

pytestmark = pytest.mark.integration


async def used_by(database: Database) -> int:
    """Return the server's number of the connection that answers."""
    row = await database.primary.fetch_one(MY_ID, {})
    assert row is not None
    return row.nonce


def milliseconds(settings: MysqlSettings) -> tuple[int, int]:
    """Return the idle time and the lifetime."""
    return int(settings.max_idle_time.total_seconds() * 1000), int(settings.max_lifetime.total_seconds() * 1000)


async def test_a_connection_is_reused_until_it_idled_too_long(empty_mysql_dsn: Dsn) -> None:
    settings, clock = settings_for(empty_mysql_dsn), FixedClock()
    idle, _ = milliseconds(settings)
    async with open_database(settings, clock=clock, on_orphan_error=log_orphan) as database:
        first = await used_by(database)
        clock.advance(idle)
        assert await used_by(database) == first
        clock.advance(idle + 1)
        assert await used_by(database) != first
        assert database.pools[0].idle == 1


async def test_a_busy_connection_is_replaced_at_the_end_of_its_life(empty_mysql_dsn: Dsn) -> None:
    """A fail-over behind a name shows only to those who connect again."""
    settings, clock = settings_for(empty_mysql_dsn), FixedClock()
    idle, lifetime = milliseconds(settings)
    async with open_database(settings, clock=clock, on_orphan_error=log_orphan) as database:
        first = await used_by(database)
        for _ in range(lifetime // idle):
            clock.advance(idle)
            assert await used_by(database) == first
        clock.advance(1)
        assert await used_by(database) != first


async def test_a_peak_leaves_no_more_than_the_idle_limit(empty_mysql_dsn: Dsn) -> None:
    settings = replace(settings_for(empty_mysql_dsn), max_open=6, max_idle=2)
    async with open_database(settings, clock=FixedClock(), on_orphan_error=log_orphan) as database:
        pool = database.pools[0]
        async with AsyncExitStack() as stack:
            for _ in range(6):
                await stack.enter_async_context(pool.lend())
            assert (pool.lent, pool.idle) == (6, 0)
        assert (pool.lent, pool.idle) == (0, 2)


async def test_an_open_transaction_is_never_handed_on(empty_mysql_dsn: Dsn) -> None:
    async with open_database(settings_for(empty_mysql_dsn), clock=FixedClock(), on_orphan_error=log_orphan) as database:
        pool = database.pools[0]
        async with pool.lend() as connection:
            await connection.run("BEGIN")
        assert connection.closed
        assert pool.idle == 0


async def test_a_commit_of_unknown_outcome_is_not_replayed(empty_mysql_dsn: Dsn) -> None:
    """It may have been done; the caller must find out, not we do it again."""
    attempts = 0

    async def work(_: WriteConn) -> None:
        nonlocal attempts
        attempts += 1
        raise CommitFailed("lost", errno=2013, transient=True, outcome_unknown=True)

    async with open_database(settings_for(empty_mysql_dsn), clock=FixedClock(), on_orphan_error=log_orphan) as database:
        with pytest.raises(CommitFailed):
            await database.transaction("t", work)
    assert attempts == 1


async def test_a_closed_database_says_so(empty_mysql_dsn: Dsn) -> None:
    async with open_database(settings_for(empty_mysql_dsn), clock=FixedClock(), on_orphan_error=log_orphan) as database:
        await asyncio.sleep(0)
    await database.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await used_by(database)


async def test_the_pool_tells_how_busy_it_is(empty_mysql_dsn: Dsn) -> None:
    settings = replace(settings_for(empty_mysql_dsn), max_open=1)
    async with open_database(settings, clock=FixedClock(), on_orphan_error=log_orphan) as database:
        (pool,) = database.pools
        assert (pool.lent, pool.idle, pool.waiting, pool.limit) == (0, 1, 0, 1)
        async with pool.lend():
            other = asyncio.create_task(database.ping())
            await eventually(lambda: pool.waiting == 1)
            assert (pool.lent, pool.idle) == (1, 0)
        await other
        assert (pool.lent, pool.idle, pool.waiting) == (0, 1, 0)
