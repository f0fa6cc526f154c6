"""What every `CreditCounter` does, in memory and in Redis."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.counters import MemoryCreditCounter
from tests.support.waiting import eventually
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.redis.client import RedisClient, Taken
from unkey_api.infra.redis.counters import RedisCredits
from unkey_api.keys.credits.ports import CreditCounter

MINUTE_MS = 60_000


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
def counter(request: pytest.FixtureRequest) -> CreditCounter:
    if request.param == "memory":
        return MemoryCreditCounter(SystemClock())
    client: RedisClient = request.getfixturevalue("redis")
    return RedisCredits(client)


@pytest.fixture
def key() -> str:
    return RandomIds().new(IdPrefix.KEY)


async def test_an_unknown_balance_is_said_to_be_unknown(counter: CreditCounter, key: str) -> None:
    assert await counter.take(key, 1) == Taken(0, existed=False, taken=False)
    assert await counter.take(key, 0) == Taken(0, existed=False, taken=False)


async def test_takes_down_to_zero_and_never_below(counter: CreditCounter, key: str) -> None:
    assert await counter.start(key, 5, ttl_ms=MINUTE_MS)
    assert await counter.take(key, 3) == Taken(2, existed=True, taken=True)
    assert await counter.take(key, 3) == Taken(2, existed=True, taken=False)
    assert await counter.take(key, 2) == Taken(0, existed=True, taken=True)
    assert await counter.take(key, 0) == Taken(0, existed=True, taken=True)
    assert await counter.take(key, 1) == Taken(0, existed=True, taken=False)


async def test_only_one_of_two_starts_wins(counter: CreditCounter, key: str) -> None:
    won = await asyncio.gather(*(counter.start(key, balance, ttl_ms=MINUTE_MS) for balance in (5, 6)))
    assert sorted(won) == [False, True]


async def test_a_forgotten_balance_can_be_started_again(counter: CreditCounter, key: str) -> None:
    await counter.start(key, 5, ttl_ms=MINUTE_MS)
    await counter.forget(key)
    await counter.forget(key)
    assert not (await counter.take(key, 1)).existed
    assert await counter.start(key, 9, ttl_ms=MINUTE_MS)


async def test_large_balances_are_exact(counter: CreditCounter, key: str) -> None:
    await counter.start(key, (1 << 53) + 3, ttl_ms=MINUTE_MS)
    assert (await counter.take(key, 2)).value == (1 << 53) + 1


async def test_concurrent_takes_never_exceed_the_balance(counter: CreditCounter, key: str) -> None:
    await counter.start(key, 50, ttl_ms=MINUTE_MS)
    answers = await asyncio.gather(*(counter.take(key, 3) for _ in range(100)))
    assert sum(answer.taken for answer in answers) == 16


async def test_a_balance_runs_out(counter: CreditCounter, key: str) -> None:
    await counter.start(key, 5, ttl_ms=20)

    async def gone() -> bool:
        return not (await counter.take(key, 0)).existed

    await eventually(gone)
