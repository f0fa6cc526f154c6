"""A caller who hangs up while a change waits for its lock: the change is made, and so is everything that follows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.keys import KeyWorld
from tests.support.waiting import eventually
from unkey_api.infra.mysql import Statement, Transaction

pytestmark = pytest.mark.integration


@asynccontextmanager
async def locked(world: KeyWorld, key_id: str) -> AsyncIterator[None]:
    """Hold the row of a key until the block ends."""
    held, let_go = asyncio.Event(), asyncio.Event()
    lock = Statement("test_lock", "UPDATE `keys` SET updated_at_m = updated_at_m WHERE id = %(id)s")

    async def work(tx: Transaction) -> None:
        await tx.execute(lock, {"id": key_id})
        held.set()
        await let_go.wait()

    holding = asyncio.create_task(world.database.transaction("test.hold", work))
    await held.wait()
    try:
        yield
    finally:
        let_go.set()
        await holding


async def leave(world: KeyWorld, method: str, body: dict[str, Any]) -> None:
    """Call, wait until the change waits for its lock, and hang up."""
    call = asyncio.create_task(world.call(method, body))

    async def waits() -> bool:
        waiting = "info LIKE '%FOR UPDATE%' AND info LIKE '%key%' AND info NOT LIKE '%processlist%'"
        rows = await world.sql(f"SELECT COUNT(*) FROM information_schema.processlist WHERE {waiting}")
        return bool(rows[0][0])

    await eventually(waits)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("updateCredits", {"operation": "set", "value": 0}),
        ("updateKey", {"credits": {"remaining": 0}}),
    ],
)
async def test_a_new_balance_holds_at_once(world: KeyWorld, method: str, change: dict[str, Any]) -> None:
    key = await world.key(remaining_requests=50)
    assert (await world.verify(key.secret))["credits"] == 49  # a copy of the balance is made
    async with locked(world, key.id):
        await leave(world, method, {"keyId": key.id, **change})

    async def known() -> bool:
        return bool((await world.verify(key.secret, credits={"cost": 0}))["credits"] == 0)

    await eventually(known)


async def test_a_disabled_key_is_refused(world: KeyWorld) -> None:
    key = await world.key()
    assert (await world.verify(key.secret))["code"] == "VALID"
    async with locked(world, key.id):
        await leave(world, "updateKey", {"keyId": key.id, "enabled": False})

    async def refused() -> bool:
        return bool((await world.verify(key.secret))["code"] == "DISABLED")

    await eventually(refused)
