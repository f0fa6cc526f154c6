"""Cancelled queries never leave their answer to somebody else."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.mysql.conftest import NONCE
from tests.support.mysql import run_sql, settings_for
from tests.support.storm import Storm, StormPlan, tell_connections
from tests.support.waiting import eventually
from unkey_api.core.clock import SystemClock
from unkey_api.infra.mysql import Database, Dsn, WriteConn, log_orphan, open_database

pytestmark = pytest.mark.integration

AT_ONCE = 40
CONNECTIONS = 8


def value_of(nonce: int) -> int:
    """Numbers of different length, so that a foreign answer cannot pass as one's own even in part."""
    return nonce * int(10 ** (nonce % 8)) + nonce


class Asker:
    """Has the server repeat numbers, some of them slowly, some of them inside a transaction."""

    def __init__(self, database: Database, draw: random.Random) -> None:
        self._database = database
        self._draw = draw

    async def ask(self, nonce: int) -> int | None:
        params: dict[str, object] = {"nonce": value_of(nonce), "seconds": self._draw.choice([0, 0, 0.001, 0.01])}
        if self._draw.random() < 0.3:
            return await self._in_transaction(params)
        row = await self._database.replica.fetch_one(NONCE, params)
        return row.nonce if row else None

    async def _in_transaction(self, params: dict[str, object]) -> int | None:
        async def work(tx: WriteConn) -> int | None:
            row = await tx.fetch_one(NONCE, params)
            return row.nonce if row else None

        return await self._database.transaction("storm", work)


async def connections_to(dsn: Dsn) -> int:
    rows = await run_sql(dsn, "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()")
    return int(str(rows[0][0])) - 1


async def test_every_answer_carries_its_own_nonce(empty_mysql_dsn: Dsn) -> None:
    settings = replace(settings_for(empty_mysql_dsn), max_open=CONNECTIONS, max_idle=CONNECTIONS)
    async with open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan) as database:
        storm = Storm(StormPlan.share(0.2), seed=1, at_once=AT_ONCE, longest_seconds=0.04)
        asker = Asker(database, storm.random)
        await storm.rage(asker.ask, expect=value_of)
        storm.verify()
        pool = database.pools[0]
        await eventually(lambda: database.shielded.count == 0 and pool.lent == 0)
        assert 0 < pool.idle <= CONNECTIONS
        tell_connections("MySQL", await connections_to(empty_mysql_dsn))
        after = await asyncio.gather(*(asker.ask(nonce) for nonce in range(50)))
        assert after == [value_of(nonce) for nonce in range(50)]
        await eventually(lambda: _equal(empty_mysql_dsn, pool.idle))
    await eventually(lambda: _equal(empty_mysql_dsn, 0))


async def test_cancelled_logins_leave_no_connection(empty_mysql_dsn: Dsn) -> None:
    """A pool that is cancelled while it connects must not lose a place or a socket."""
    settings = replace(settings_for(empty_mysql_dsn), max_open=4, max_idle=0, connect_timeout=timedelta(seconds=5))
    patience = random.Random(3)  # noqa: S311 - repeatable, not secret
    async with open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan) as database:

        async def hurried() -> None:
            try:
                async with asyncio.timeout(patience.uniform(0, 0.006)):
                    await database.ping()
            except TimeoutError:
                return

        for _ in range(30):
            await asyncio.gather(*(hurried() for _ in range(10)))
        assert database.pools[0].lent == 0
        await asyncio.gather(*(database.ping() for _ in range(8)))
    await eventually(lambda: _equal(empty_mysql_dsn, 0))


async def _equal(dsn: Dsn, count: int) -> bool:
    return await connections_to(dsn) == count
