"""What `CreditBalances` do, in memory and in MySQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.counters import MemoryCreditBalances
from unkey_api.areas.keys.credits.ports import CreditBalances
from unkey_api.areas.keys.credits.queries import SqlCreditBalances
from unkey_api.areas.keys.credits.types import Balance
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.mysql import Database
from unkey_api.infra.mysql.statement import Statement

INSERT_KEY = Statement(
    "test_key_insert",
    "INSERT INTO `keys` (id, key_auth_id, hash, start, workspace_id, remaining_requests)"
    " VALUES (%(id)s, 'ks', %(id)s, '', 'ws', %(remaining)s)",
)

EPOCH = 1_750_000_000_000

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
    assert await balances.find(await make(7)) == Balance(7)
    assert await balances.find(await make(None)) == Balance(None)
    assert await balances.find("key_missing") is None


async def test_a_spend_takes_all_or_nothing_and_says_what_is_left(balances: CreditBalances, make: Make) -> None:
    key_id = await make(10)
    assert await balances.spend(key_id, 4) == 6
    assert await balances.spend(key_id, 7) is None
    assert await balances.spend(key_id, 6) == 0
    assert await balances.spend(key_id, 1) is None
    assert await balances.find(key_id) == Balance(0)


async def test_an_unlimited_or_missing_key_cannot_be_spent(balances: CreditBalances, make: Make) -> None:
    unlimited = await make(None)
    assert await balances.spend(unlimited, 1) is None
    assert await balances.spend("key_missing", 1) is None
    assert await balances.find(unlimited) == Balance(None)


async def test_concurrent_spends_take_exactly_what_there_is(balances: CreditBalances, make: Make) -> None:
    key_id = await make(20)
    left = await asyncio.gather(*(balances.spend(key_id, 3) for _ in range(15)))
    assert sorted(value for value in left if value is not None) == [2, 5, 8, 11, 14, 17]
    assert await balances.find(key_id) == Balance(2)


async def test_a_write_off_moves_the_mark_and_the_balance_together(balances: CreditBalances, make: Make) -> None:
    key_id = await make(10)
    assert not await balances.write_off(key_id, EPOCH, written=0, granted=4)  # nothing has begun
    for _ in range(2):
        await balances.begin(key_id, EPOCH)
    assert await balances.find(key_id, EPOCH) == Balance(10, 0)
    assert await balances.write_off(key_id, EPOCH, written=0, granted=4)
    await balances.begin(key_id, EPOCH)
    assert await balances.find(key_id, EPOCH) == Balance(6, 4)
    for stale in (0, 3, 5):
        assert not await balances.write_off(key_id, EPOCH, written=stale, granted=7)
    assert await balances.find(key_id, EPOCH) == Balance(6, 4)
    assert await balances.write_off(key_id, EPOCH, written=4, granted=20)
    assert await balances.find(key_id, EPOCH) == Balance(0, 20)


async def test_of_concurrent_write_offs_from_one_mark_one_is_made(balances: CreditBalances, make: Make) -> None:
    key_id = await make(100)
    await balances.begin(key_id, EPOCH)
    made = await asyncio.gather(*(balances.write_off(key_id, EPOCH, written=0, granted=n) for n in (10, 20, 30)))
    assert sorted(made) == [False, False, True]
    found = await balances.find(key_id, EPOCH)
    assert found is not None
    assert (found.remaining_requests or 0) + (found.written or 0) == 100


async def test_epochs_are_apart_and_earlier_ones_known(balances: CreditBalances, make: Make) -> None:
    key_id = await make(10)
    await balances.begin(key_id, EPOCH)
    await balances.begin(key_id, EPOCH + 1)
    assert await balances.write_off(key_id, EPOCH, written=0, granted=3)
    assert await balances.find(key_id, EPOCH) == Balance(7, 3)
    assert await balances.find(key_id, EPOCH + 1) == Balance(7, 0, earlier=True)


async def test_a_write_off_leaves_unlimited_and_missing_keys_alone(balances: CreditBalances, make: Make) -> None:
    unlimited = await make(None)
    await balances.begin(unlimited, EPOCH)
    assert await balances.write_off(unlimited, EPOCH, written=0, granted=7)
    assert await balances.find(unlimited, EPOCH) == Balance(None, 7)
    await balances.begin("key_missing", EPOCH)
    assert not await balances.write_off("key_missing", EPOCH, written=0, granted=1)


async def test_large_balances_are_exact(balances: CreditBalances, make: Make) -> None:
    key_id = await make((1 << 63) - 1)
    assert await balances.spend(key_id, 2) == (1 << 63) - 3
