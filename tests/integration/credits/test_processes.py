"""Credits spent by several processes, and by one that is killed."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

import pytest

from tests.support.counters import Replayed
from tests.support.credit_program import CALLERS_PER_KEY, RECORD
from tests.support.limit_load import ShiftedClock
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from unkey_api.areas.keys.credits.limiter import open_credit_limiter
from unkey_api.areas.keys.credits.queries import SqlCreditBalances
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.mysql import Database, Dsn
from unkey_api.infra.mysql.statement import Statement
from unkey_api.infra.redis.client import RedisClient
from unkey_api.infra.redis.counters import RedisCredits

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

INSERT_KEY = Statement(
    "test_key_insert",
    "INSERT INTO `keys` (id, key_auth_id, hash, start, workspace_id, remaining_requests)"
    " VALUES (%(id)s, 'ks', %(id)s, '', 'ws', %(remaining)s)",
)
PLENTY = 1_000_000
PROCESSES = 4


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
        found = [await reader.find(key_id) for key_id in keys]
        return [-1 if balance is None else balance.remaining_requests or 0 for balance in found]

    async def copies(self, keys: Sequence[str]) -> list[int | None]:
        """Return what Redis says."""
        return await self.redis.get_many([f"credits:{{{key_id}}}" for key_id in keys])

    async def end_copies(self, keys: Sequence[str]) -> None:
        """Have the copies in Redis end, as they do after a minute or when memory is short."""
        await self.redis.delete(*(f"credits:{{{key_id}}}" for key_id in keys))

    async def use_again(self, keys: Sequence[str], cost: int) -> list[bool]:
        """Spend once of each key, from a copy made for it, and return whether it was granted."""
        await self.end_copies(keys)
        balances = SqlCreditBalances(self._database.primary)
        async with open_credit_limiter(
            RedisCredits(self.redis, SystemClock()), balances, clock=ShiftedClock(), observer=Replayed()
        ) as limiter:
            return [(await limiter.spend(key_id, cost)).allowed for key_id in keys]


@pytest.fixture
def stores(
    mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer, redis: RedisClient, database: Database
) -> Stores:
    dsn = mysql_server.tcp_dsn(mysql_dsn.database)
    url = f"mysql://{quote(dsn.user, safe='')}:{quote(dsn.password, safe='')}@{dsn.host}:{dsn.port}/{dsn.database}"
    return Stores(redis_server.url, url, redis, database)


@asynccontextmanager
async def spending(
    stores: Stores, keys: Sequence[str], *, cost: int = 1, write_seconds: float = 0.0
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.credit_program", *stores.urls, str(cost), str(write_seconds), *keys),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        assert process.stdout is not None
        await process.stdout.readexactly(RECORD.size)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def begin(*processes: asyncio.subprocess.Process) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"begin\n")


async def read_to_end(process: asyncio.subprocess.Process) -> list[tuple[int, float]]:
    assert process.stdout is not None
    data = await process.stdout.read()
    return list(RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size]))


async def test_two_processes_spend_exactly_what_there_is(stores: Stores) -> None:
    keys = await stores.make(5, 200)
    async with spending(stores, keys, cost=3) as one, spending(stores, keys, cost=3) as two:
        begin(one, two)
        records = [*await read_to_end(one), *await read_to_end(two)]
        assert [await one.wait(), await two.wait()] == [0, 0]
    assert Counter(index for index, _ in records) == dict.fromkeys(range(5), 200 // 3)
    assert await stores.balances(keys) == [200 % 3] * 5
    assert await stores.copies(keys) == [200 % 3] * 5


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_exactly_what_there_is_is_granted(stores: Stores, seed: int) -> None:
    """Several processes over slow writes, copies that end all the time, and half of the time one that is killed."""
    draw = random.Random(seed)  # noqa: S311 - the same story on every run
    cost, held = draw.randint(1, 4), draw.randint(150, 400)
    kill = seed % 2 == 1
    keys = await stores.make(4, held)
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(
                spending(stores, keys, cost=cost, write_seconds=draw.choice((0.0, 0.05, 0.3)))
            )
            for _ in range(PROCESSES)
        ]
        first = processes[0]
        begin(first)
        assert first.stdout is not None
        head = await first.stdout.readexactly(10 * RECORD.size)
        begin(*processes[1:])
        if kill and first.returncode is None:  # where we were held up, it has come to its end already
            first.kill()
        readers = [asyncio.create_task(read_to_end(process)) for process in processes]
        while not all(reader.done() for reader in readers):
            await stores.end_copies(keys)
            await asyncio.sleep(draw.uniform(0.0, 0.02))
        records = [*RECORD.iter_unpack(head)]
        for reader in readers:
            records += await reader
        ended, *others = [await process.wait() for process in processes]
        assert (ended in ({-9, 0} if kill else {0}), others) == (True, [0] * (PROCESSES - 1))

    assert await stores.use_again(keys, cost) == [False] * len(keys)
    assert await stores.balances(keys) == [held % cost] * len(keys)
    granted = Counter(index for index, _ in records)
    # A process that is killed may have been granted what it could not tell any more.
    untold = CALLERS_PER_KEY if kill else 0
    assert all(held // cost - untold <= granted[index] <= held // cost for index in range(len(keys)))


async def test_what_a_killed_process_acknowledged_stays_spent(stores: Stores) -> None:
    keys = await stores.make(20, PLENTY)
    async with spending(stores, keys, write_seconds=0.2) as process:
        begin(process)
        assert process.stdout is not None
        first = await process.stdout.readexactly(1_500 * RECORD.size)
        process.kill()
        rest = await read_to_end(process)
    acknowledged = Counter(index for index, _ in [*RECORD.iter_unpack(first), *rest])

    copies = await stores.copies(keys)
    for index, copy in enumerate(copies):
        assert copy is not None
        assert copy <= PLENTY - acknowledged[index], "Redis knows every acknowledged spend"
    assert sum(await stores.balances(keys)) > sum(copy or 0 for copy in copies), "and MySQL not all of them"

    assert all(await stores.use_again(keys, 1))
    assert await stores.balances(keys) == [(copy or 0) - 1 for copy in copies]
