"""Credits while Redis is killed, silent or full: nobody waits long, and nothing goes below zero."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.integration.credits.test_processes import INSERT_KEY
from tests.support.counters import Replayed
from tests.support.limit_load import ShiftedClock
from tests.support.proxy import proxy_to
from tests.support.redis import RedisServer
from tests.support.waiting import Stalls, Stopwatch, eventually
from unkey_api.areas.keys.credits.limiter import CreditLimiter, open_credit_limiter
from unkey_api.areas.keys.credits.queries import SqlCreditBalances
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.mysql import Database
from unkey_api.infra.redis.client import COMMAND_TIMEOUT, RedisOptions, open_redis
from unkey_api.infra.redis.counters import RedisCredits
from unkey_api.infra.resilience.breaker import BreakerState

pytestmark = pytest.mark.integration

CREDITS = 400
CALLERS = 8
SLACK = 0.4
"""A busy machine, and the statement in MySQL that takes the place of Redis."""


@pytest.fixture
def server(own_redis_server: RedisServer) -> RedisServer:
    own_redis_server.start()
    return own_redis_server


class Spender:
    """Spends the credits of one key from many callers."""

    def __init__(self, limiter: CreditLimiter, balances: SqlCreditBalances, key_id: str) -> None:
        self.limiter = limiter
        self.key_id = key_id
        self.allowed = 0
        self.stalls = Stalls()
        self.spends = Stopwatch(self.stalls)
        self._balances = balances

    async def once(self) -> bool:
        with self.spends.running():
            allowed = (await self.limiter.spend(self.key_id, 1)).allowed
        self.allowed += allowed
        return allowed

    async def until_used_up(self) -> None:
        while await self.once():
            pass

    async def left(self) -> int | None:
        balance = await self._balances.find(self.key_id)
        return balance.remaining_requests if balance else None


@asynccontextmanager
async def spender(
    url: str, database: Database, clock: ShiftedClock, states: list[BreakerState]
) -> AsyncIterator[Spender]:
    key_id = RandomIds().new(IdPrefix.KEY)
    await database.primary.execute(INSERT_KEY, {"id": key_id, "remaining": CREDITS})
    balances = SqlCreditBalances(database.primary)
    async with (
        open_redis(RedisOptions(url)) as client,
        open_credit_limiter(
            RedisCredits(client, SystemClock()),
            balances,
            clock=clock,
            observer=Replayed(),
            on_breaker=lambda name, state: states.append(state) if name == "usagelimiter_counter" else None,
        ) as limiter,
    ):
        one = Spender(limiter, balances, key_id)
        async with one.stalls.measured():
            yield one


async def test_killed_and_restarted_under_load(server: RedisServer, database: Database) -> None:
    clock, states = ShiftedClock(), list[BreakerState]()
    async with spender(server.url, database, clock, states) as one:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CALLERS):
                tasks.create_task(one.until_used_up())
            await eventually(lambda: one.allowed > CREDITS // 4)
            server.stop()
            await eventually(lambda: BreakerState.OPEN in states)
            await eventually(lambda: one.allowed > CREDITS // 2)
            server.start()
            clock.advance(5_000)
        await one.limiter.flush(one.key_id)
        assert await one.left() == 0
    # Copying the balance while another request spends in MySQL can grant that one twice.
    assert CREDITS <= one.allowed <= CREDITS + CALLERS
    assert one.spends.slowest < COMMAND_TIMEOUT.total_seconds() + SLACK


async def test_a_silent_redis_is_waited_for_once(server: RedisServer, database: Database) -> None:
    clock, states = ShiftedClock(), list[BreakerState]()
    async with (
        proxy_to("127.0.0.1", server.port) as proxy,
        spender(f"redis://127.0.0.1:{proxy.port}", database, clock, states) as one,
    ):
        assert await one.once()
        proxy.freeze()
        assert await one.once()
        assert one.spends.longest > COMMAND_TIMEOUT.total_seconds() - 0.05
        assert one.spends.slowest < COMMAND_TIMEOUT.total_seconds() + SLACK
        one.spends = Stopwatch(one.stalls)
        for _ in range(10):
            assert await one.once()
        assert one.spends.slowest < COMMAND_TIMEOUT.total_seconds()
        assert await one.left() == CREDITS - 12
        proxy.thaw()
        proxy.cut()


async def test_redis_out_of_memory(server: RedisServer, database: Database) -> None:
    clock, states = ShiftedClock(), list[BreakerState]()
    async with (
        open_redis(RedisOptions(server.url, command_timeout=timedelta(seconds=5))) as client,
        spender(server.url, database, clock, states) as one,
    ):
        assert await one.once()
        await client._run(b"CONFIG", "SET", "maxmemory-policy", "noeviction")
        await client._run(b"CONFIG", "SET", "maxmemory", "1")
        for _ in range(10):
            assert await one.once()
        assert await one.left() == CREDITS - 11
        await client._run(b"CONFIG", "SET", "maxmemory", "0")
        clock.advance(5_000)
        while await one.once():
            pass
        assert one.allowed == CREDITS
