"""Cancelled queries never leave their answer to somebody else."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.mysql.conftest import NONCE
from tests.support.mysql import run_sql, settings_for
from tests.support.waiting import eventually
from unkey_api.core.clock import SystemClock
from unkey_api.infra.mysql import Database, Dsn, StoreUnavailable, WriteConn, open_database

pytestmark = pytest.mark.integration

QUERIES = 3000
AT_ONCE = 40
CONNECTIONS = 8


class Storm:
    """Asks for nonces, cancels many askers at random moments, and counts what came back."""

    def __init__(self, database: Database, seed: int) -> None:
        self._database = database
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.answered = self.cancelled = self.unavailable = 0
        self.wrong: list[tuple[int, int | None]] = []

    async def ask(self, nonce: int) -> None:
        """Ask once, perhaps with too little patience."""
        # Numbers of different length, so that a foreign answer cannot pass as one's own even in part.
        value = nonce * 10 ** self._random.randrange(8) + nonce
        patience = self._random.choice([None, 0, self._random.uniform(0, 0.004), self._random.uniform(0, 0.04)])
        params = {"nonce": value, "seconds": self._random.choice([0, 0, 0.001, 0.01])}
        in_transaction = self._random.random() < 0.3
        async with self._gate:
            try:
                async with asyncio.timeout(patience):
                    got = await (self._in_transaction(params) if in_transaction else self._plainly(params))
            except TimeoutError:
                self.cancelled += 1
            except StoreUnavailable:
                self.unavailable += 1
            else:
                self.answered += 1
                if got != value:
                    self.wrong.append((value, got))

    async def _plainly(self, params: dict[str, object]) -> int | None:
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


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_answer_carries_its_own_nonce(empty_mysql_dsn: Dsn, seed: int) -> None:
    settings = replace(settings_for(empty_mysql_dsn), max_open=CONNECTIONS, max_idle=CONNECTIONS)
    async with open_database(settings, clock=SystemClock()) as database:
        storm = Storm(database, seed)
        await asyncio.gather(*(storm.ask(nonce) for nonce in range(1, QUERIES + 1)))
        assert storm.wrong == []
        assert storm.unavailable == 0
        assert storm.answered > QUERIES / 4
        assert storm.cancelled > QUERIES / 4
        pool = database.pools[0]
        await eventually(lambda: database.flights.count == 0 and pool.lent == 0)
        assert 0 < pool.idle <= CONNECTIONS
        assert await asyncio.gather(*(storm._plainly({"nonce": n, "seconds": 0}) for n in range(50))) == list(range(50))
        await eventually(lambda: _equal(empty_mysql_dsn, pool.idle))
    await eventually(lambda: _equal(empty_mysql_dsn, 0))


async def test_cancelled_logins_leave_no_connection(empty_mysql_dsn: Dsn) -> None:
    """A pool that is cancelled while it connects must not lose a place or a socket."""
    settings = replace(settings_for(empty_mysql_dsn), max_open=4, max_idle=0, connect_timeout=timedelta(seconds=5))
    patience = random.Random(3)  # noqa: S311 - repeatable, not secret
    async with open_database(settings, clock=SystemClock()) as database:

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
