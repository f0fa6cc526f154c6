"""Credits spent by several processes, and by one that is killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest

from tests.support.credit_program import RECORD
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.waiting import eventually
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.mysql import Database, Dsn
from unkey_api.infra.mysql.statement import Statement
from unkey_api.infra.redis.client import RedisClient
from unkey_api.keys.credits.queries import SqlCreditBalances

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

INSERT_KEY = Statement(
    "test_key_insert",
    "INSERT INTO `keys` (id, key_auth_id, hash, start, workspace_id, remaining_requests)"
    " VALUES (%(id)s, 'ks', %(id)s, '', 'ws', %(remaining)s)",
)
PLENTY = 1_000_000
LOST_SECONDS = 1.0
"""Of a killed process, MySQL may miss what was acknowledged in the last second. See docs/limits.md."""


class Stores:
    """Where credits are, and how a process reaches them."""

    def __init__(self, redis_url: str, mysql_url: str, redis: RedisClient, database: Database) -> None:
        self.urls = (redis_url, mysql_url)
        self.redis = redis
        self._database = database

    async def make(self, count: int, credits_: int) -> list[str]:
        """Return new keys with that many credits each."""
        ids = [RandomIds().new(IdPrefix.KEY) for _ in range(count)]
        for key_id in ids:
            await self._database.primary.execute(INSERT_KEY, {"id": key_id, "remaining": credits_})
        return ids

    async def balances(self, keys: Sequence[str]) -> list[int]:
        """Return what MySQL says."""
        reader = SqlCreditBalances(self._database.primary)
        found = [await reader.find_current(key_id) for key_id in keys]
        return [-1 if balance is None else balance.remaining_requests or 0 for balance in found]

    async def copies(self, keys: Sequence[str]) -> list[int | None]:
        """Return what Redis says."""
        return await self.redis.get_many([f"credits:{key_id}" for key_id in keys])


@pytest.fixture
def stores(
    mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer, redis: RedisClient, database: Database
) -> Stores:
    dsn = mysql_server.tcp_dsn(mysql_dsn.database)
    url = f"mysql://{quote(dsn.user, safe='')}:{quote(dsn.password, safe='')}@{dsn.host}:{dsn.port}/{dsn.database}"
    return Stores(redis_server.url, url, redis, database)


@asynccontextmanager
async def spending(stores: Stores, keys: Sequence[str], *, cost: int = 1) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.credit_program", *stores.urls, str(cost), *keys),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_to_end(process: asyncio.subprocess.Process) -> list[tuple[int, float]]:
    assert process.stdout is not None
    data = await process.stdout.read()
    return list(RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size]))


async def test_two_processes_spend_exactly_what_there_is(stores: Stores) -> None:
    keys = await stores.make(5, 200)
    async with spending(stores, keys, cost=3) as one, spending(stores, keys, cost=3) as two:
        records = [*await read_to_end(one), *await read_to_end(two)]
        assert [await one.wait(), await two.wait()] == [0, 0]
    assert Counter(index for index, _ in records) == dict.fromkeys(range(5), 200 // 3)
    assert await stores.balances(keys) == [200 % 3] * 5
    assert await stores.copies(keys) == [200 % 3] * 5


async def test_what_a_killed_process_acknowledged_stays_spent(stores: Stores) -> None:
    keys = await stores.make(20, PLENTY)
    async with spending(stores, keys) as process:
        assert process.stdout is not None
        first = await process.stdout.readexactly(1_500 * RECORD.size)
        process.kill()
        killed = time.monotonic()
        rest = await read_to_end(process)
    times = [when for _, when in [*RECORD.iter_unpack(first), *rest]]
    acknowledged = Counter(index for index, _ in [*RECORD.iter_unpack(first), *rest])

    copies = await stores.copies(keys)
    for index, copy in enumerate(copies):
        assert copy is not None
        assert copy <= PLENTY - acknowledged[index], "Redis knows every acknowledged spend"

    # A statement that was under way when the process died may still end.
    written: list[int] = []

    async def at_rest() -> bool:
        before = list(written)
        written[:] = [PLENTY - balance for balance in await stores.balances(keys)]
        return written == before

    await eventually(at_rest)
    lost = sum(max(0, acknowledged[index] - written[index]) for index in range(len(keys)))
    assert lost <= sum(when > killed - LOST_SECONDS for when in times)
    assert 0 <= lost < len(times) / 2
    assert all(0 <= amount <= PLENTY for amount in written)
