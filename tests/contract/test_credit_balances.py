"""What `CreditBalances` do, in memory and in MySQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.counters import MemoryCreditBalances
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.mysql import Database
from unkey_api.infra.mysql.statement import Statement
from unkey_api.keys.credits.ports import CreditBalances
from unkey_api.keys.credits.queries import SqlCreditBalances
from unkey_api.keys.credits.types import Balance

INSERT_KEY = Statement(
    "test_key_insert",
    "INSERT INTO `keys` (id, key_auth_id, hash, start, workspace_id, remaining_requests)"
    " VALUES (%(id)s, 'ks', %(id)s, '', 'ws', %(remaining)s)",
)

Make = Callable[[int | None], Awaitable[str]]
"""Makes a key with that many credits and returns its id."""


@pytest.fixture(params=["memory", pytest.param("mysql", marks=pytest.mark.integration)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def memory() -> MemoryCreditBalances:
    return MemoryCreditBalances()


@pytest.fixture
def balances(kind: str, memory: MemoryCreditBalances, request: pytest.FixtureRequest) -> CreditBalances:
    if kind == "memory":
        return memory
    database: Database = request.getfixturevalue("database")
    return SqlCreditBalances(database.primary)


@pytest.fixture
def make(kind: str, memory: MemoryCreditBalances, request: pytest.FixtureRequest) -> Make:
    async def in_memory(remaining: int | None) -> str:
        key_id = RandomIds().new(IdPrefix.KEY)
        memory.rows[key_id] = remaining
        return key_id

    async def in_mysql(remaining: int | None) -> str:
        key_id = RandomIds().new(IdPrefix.KEY)
        await database.primary.execute(INSERT_KEY, {"id": key_id, "remaining": remaining})
        return key_id

    if kind == "memory":
        return in_memory
    database: Database = request.getfixturevalue("database")
    return in_mysql


async def test_balances_are_found_unlimited_and_missing_ones_told_apart(balances: CreditBalances, make: Make) -> None:
    limited, unlimited = await make(7), await make(None)
    for find in (balances.find, balances.find_current):
        assert await find(limited) == Balance(7)
        assert await find(unlimited) == Balance(None)
        assert await find("key_missing") is None


async def test_a_spend_takes_all_or_nothing_and_says_what_is_left(balances: CreditBalances, make: Make) -> None:
    key_id = await make(10)
    assert await balances.spend(key_id, 4) == 6
    assert await balances.spend(key_id, 7) is None
    assert await balances.spend(key_id, 6) == 0
    assert await balances.spend(key_id, 1) is None
    assert await balances.find_current(key_id) == Balance(0)


async def test_an_unlimited_or_missing_key_cannot_be_spent(balances: CreditBalances, make: Make) -> None:
    unlimited = await make(None)
    assert await balances.spend(unlimited, 1) is None
    assert await balances.spend("key_missing", 1) is None
    assert await balances.find_current(unlimited) == Balance(None)


async def test_concurrent_spends_take_exactly_what_there_is(balances: CreditBalances, make: Make) -> None:
    key_id = await make(20)
    left = await asyncio.gather(*(balances.spend(key_id, 3) for _ in range(15)))
    assert sorted(value for value in left if value is not None) == [2, 5, 8, 11, 14, 17]
    assert await balances.find_current(key_id) == Balance(2)


async def test_a_write_off_stops_at_zero_and_leaves_unlimited_keys_alone(balances: CreditBalances, make: Make) -> None:
    key_id, unlimited = await make(10), await make(None)
    await balances.write_off(key_id, 4)
    assert await balances.find_current(key_id) == Balance(6)
    await balances.write_off(key_id, 7)
    assert await balances.find_current(key_id) == Balance(0)
    await balances.write_off(unlimited, 7)
    assert await balances.find_current(unlimited) == Balance(None)
    await balances.write_off("key_missing", 1)


async def test_large_balances_are_exact(balances: CreditBalances, make: Make) -> None:
    key_id = await make((1 << 63) - 1)
    assert await balances.spend(key_id, 2) == (1 << 63) - 3
