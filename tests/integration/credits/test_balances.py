"""Balances in MySQL: what is remembered of epochs, and what is taken off."""

from __future__ import annotations

import secrets

import pytest

from tests.support.mysql import run_sql
from unkey_api.areas.keys.credits.queries import SqlCreditBalances
from unkey_api.areas.keys.credits.types import EPOCHS_PER_MS, Balance
from unkey_api.infra.mysql import Database, Dsn

pytestmark = pytest.mark.integration
WEEK = 7 * 24 * 60 * 60 * 1_000 * EPOCHS_PER_MS
NOW = 1_750_000_000_000 * EPOCHS_PER_MS


@pytest.fixture
async def key_id(mysql_dsn: Dsn) -> str:
    """A key with ten credits."""
    made = f"key_{secrets.token_hex(8)}"
    columns = "id, hash, start, key_auth_id, workspace_id, remaining_requests"
    await run_sql(mysql_dsn, f"INSERT INTO `keys` ({columns}) VALUES ('{made}', '{made}', '', 'ks', 'ws', 10)")
    return made


async def epochs(dsn: Dsn, key_id: str) -> list[int]:
    rows = await run_sql(dsn, f"SELECT epoch FROM key_credit_write_offs WHERE key_id = '{key_id}' ORDER BY epoch")
    return [int(str(epoch)) for (epoch,) in rows]


async def test_epochs_of_a_week_ago_are_forgotten_when_another_begins(
    database: Database, mysql_dsn: Dsn, key_id: str
) -> None:
    balances = SqlCreditBalances(database.primary)
    for epoch in (5, NOW - WEEK - 1, NOW - WEEK, NOW):
        await balances.begin(key_id, epoch)
    assert await epochs(mysql_dsn, key_id) == [NOW - WEEK, NOW]


async def test_beginning_an_epoch_again_keeps_its_mark(database: Database, key_id: str) -> None:
    balances = SqlCreditBalances(database.primary)
    assert await balances.find(key_id, NOW) == Balance(10, None, earlier=False)
    await balances.begin(key_id, NOW)
    assert await balances.write_off(key_id, NOW, written=0, granted=4)
    await balances.begin(key_id, NOW)
    assert await balances.find(key_id, NOW) == Balance(6, 4, earlier=False)
    assert await balances.find(key_id, NOW + 1) == Balance(6, None, earlier=True)


async def test_what_was_granted_is_taken_off_once_and_never_below_zero(database: Database, key_id: str) -> None:
    balances = SqlCreditBalances(database.primary)
    await balances.begin(key_id, NOW)
    marks = [(0, 10, True), (0, 10, False), (10, 11, True)]
    assert [await balances.write_off(key_id, NOW, written=a, granted=b) for a, b, _ in marks] == [c for *_, c in marks]
    assert await balances.find(key_id, NOW) == Balance(0, 11, earlier=False)


@pytest.mark.parametrize(("amount", "left"), [(1, 9), (10, 0), (11, None)])
async def test_spending_takes_all_of_it_or_nothing(
    database: Database, key_id: str, amount: int, left: int | None
) -> None:
    balances = SqlCreditBalances(database.primary)
    assert await balances.spend(key_id, amount) == left
    assert await balances.find(key_id) == Balance(10 if left is None else left, None, earlier=False)
