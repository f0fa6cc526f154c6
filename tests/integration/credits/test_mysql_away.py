"""Credits and limits while MySQL is away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.integration.credits.test_processes import INSERT_KEY
from tests.support.counters import MemoryCounterStore, Replayed, StoreCalls
from tests.support.limit_load import ShiftedClock
from tests.support.mysql import MysqlServer, settings_for
from tests.support.proxy import Proxy, proxy_to
from tests.support.waiting import eventually
from unkey_api.areas.keys.credits.limiter import CreditLimiter, open_credit_limiter
from unkey_api.areas.keys.credits.queries import SqlCreditBalances
from unkey_api.areas.ratelimit.engine.running import build_rate_limiter
from unkey_api.areas.ratelimit.engine.types import Check
from unkey_api.areas.ratelimit.global_counters import SqlGlobalCounters
from unkey_api.core.clock import SystemClock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.mysql import Database, Dsn, log_orphan, open_database
from unkey_api.infra.redis.client import RedisClient
from unkey_api.infra.redis.counters import RedisCredits

pytestmark = pytest.mark.integration


@asynccontextmanager
async def far_database(server: MysqlServer, dsn: Dsn) -> AsyncIterator[tuple[Proxy, Database]]:
    async with proxy_to("127.0.0.1", server.port) as proxy:
        settings = settings_for(replace(server.tcp_dsn(dsn.database), port=proxy.port))
        async with open_database(settings, clock=ShiftedClock(), on_orphan_error=log_orphan) as database:
            yield proxy, database


async def away(proxy: Proxy) -> None:
    await proxy.refuse()
    proxy.cut()


async def test_known_copies_serve_and_nothing_that_was_spent_is_lost(
    mysql_server: MysqlServer, mysql_dsn: Dsn, redis: RedisClient, database: Database
) -> None:
    clock = ShiftedClock()
    known, unknown = (RandomIds().new(IdPrefix.KEY) for _ in range(2))
    for key_id in (known, unknown):
        await database.primary.execute(INSERT_KEY, {"id": key_id, "remaining": 100})
    here = SqlCreditBalances(database.primary)
    async with far_database(mysql_server, mysql_dsn) as (proxy, far):
        balances = SqlCreditBalances(far.primary)
        async with open_credit_limiter(
            RedisCredits(redis, SystemClock()), balances, clock=clock, observer=Replayed()
        ) as limiter:
            assert (await limiter.spend(known, 1)).allowed
            await eventually(lambda: len(limiter.replays) == 0)
            await away(proxy)
            for left in range(98, 78, -1):
                assert await limiter.spend(known, 1) == (True, left)
            await refused_in_time(limiter, unknown)
            await redis.delete(f"credits:{{{known}}}")
            await proxy.listen()
            clock.advance(60_000)

            async def caught_up() -> bool:
                balance = await here.find(known)
                return balance is not None and balance.remaining_requests == 79

            await eventually(caught_up)
            assert (await limiter.spend(unknown, 1)).remaining == 99


async def refused_in_time(limiter: CreditLimiter, key_id: str) -> None:
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        await limiter.spend(key_id, 1)
    assert time.monotonic() - began < 4.0  # five are the shortest of all limits that a wrong way would run into


async def test_limits_do_not_notice(mysql_server: MysqlServer, mysql_dsn: Dsn) -> None:
    clock = ShiftedClock()
    clock.start_window()
    async with far_database(mysql_server, mysql_dsn) as (proxy, far):
        shared = SqlGlobalCounters(far.replica, far.primary, region="here")
        parts = build_rate_limiter(MemoryCounterStore(clock), clock=clock, observer=StoreCalls(), shared=shared)
        assert parts.regions is not None
        identifier = RandomIds().new(IdPrefix.REQUEST)
        check = Check("ws", "ns", identifier, 10, 60_000)
        assert (await parts.limiter.limit(check)).success
        await away(proxy)
        answers = [parts.limiter.try_limit_now(check) for _ in range(12)]
        assert [answer.success for answer in answers if answer is not None] == [True] * 9 + [False] * 3
        await parts.regions.push()
        await parts.regions.pull()
        counts = parts.limiter.counts
        assert (counts.push_errors, counts.pull_errors, counts.pushed_rows) == (1, 1, 0)
        await proxy.listen()
        await parts.regions.push()
        assert counts.pushed_rows == 1
