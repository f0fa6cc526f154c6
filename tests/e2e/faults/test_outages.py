"""Each store killed, paused and brought back under load: what callers notice, and for how long.

The bounds are those that docs/operations.md states, with room for a busy machine.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.e2e.faults.figures import Figures
from tests.e2e.faults.making import authorized, made, post, verify
from tests.e2e.faults.world import CREDITS, ROOM, Outage, World, open_world, pause_for
from tests.support.load import Call, Load, under_load
from tests.support.outages import Dependencies, killed, paused
from tests.support.served import ServeOptions
from tests.support.waiting import eventually
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

REDIS_BOUND = 0.3
"""Seconds a request may lose to Redis."""
KEPT = "cache refresh failed, the old entry stays"
LOAD_BOUND = 5.0
"""Seconds a request may wait for something that is not cached."""
STATEMENT_SECONDS = 3.0
"""How long a statement may take."""
CONNECTING_SECONDS = 15.0
"""How long three connections may take to be made, where there is none to use."""
KEPT_SECONDS = 15.0
"""How long ClickHouse may be away without a row being given up: the pauses between five tries."""
CHANGES = 12
"""How many wait for MySQL at the stop."""
SETTLED_SECONDS = 120.0
"""By then every row was written or given up, on any machine."""


@pytest.fixture(scope="module")
def running(stores: Dependencies) -> ServeOptions:
    return ServeOptions(
        database=stores.connection_string,
        redis=stores.redis_url,
        clickhouse=stores.clickhouse_url,
        vault=stores.vault_address,
        shutdown_timeout="4s",
        statement_timeout=f"{STATEMENT_SECONDS:.0f}s",
    )


@pytest.fixture(scope="module")
async def world(
    stores: Dependencies, running: ServeOptions, figures: Figures, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with open_world(running, stores, figures, tmp_path_factory.mktemp("outages")) as opened:
        yield opened


async def by_redis(world: World) -> float:
    return await world.metric("unkey_usagelimiter_decisions_total", source="redis")


async def test_redis(world: World) -> None:
    load, redis, figures = world.load(), world.stores.redis, world.figures
    async with under_load(load, world.target):
        async with figures.phase("Redis there", load):
            await pause_for(1.0)
        for outage in (killed, paused):
            async with outage(redis), figures.phase(f"Redis {outage.__name__}", load) as away:
                await pause_for(1.2)
            seen, since = await by_redis(world), time.monotonic()

            async def used_again(seen: float = seen) -> bool:
                return await by_redis(world) > seen + 10

            async with figures.phase(f"Redis back after {outage.__name__}", load) as back:
                await eventually(used_again, within_seconds=30)
            figures.note(f"Redis used again {time.monotonic() - since:.1f} s after it was {outage.__name__}")
            assert (away.wrong, back.wrong) == ([], [])
            assert max(away.slowest, back.slowest) < REDIS_BOUND + ROOM
    assert load.lost == []
    spent = sum(answer.call.expected == verify(world.counted).expected for answer in load.answers)

    async def written() -> bool:
        [[remaining]] = await world.sql(f"SELECT remaining_requests FROM `keys` WHERE id = '{world.counted['keyId']}'")
        return remaining == CREDITS - spent

    await eventually(written, within_seconds=30)


async def test_mysql(world: World) -> None:
    """Keys in the caches go on; what is not cached fails, soon, as unavailable, and nothing is taken for absent."""
    load, mysql, figures = world.load(), world.stores.mysql, world.figures
    unseen = await world.make_keys(3)
    stranger = await world.served.admin()
    cached = [call for call in load.calls if world.counted["key"].encode() not in call.body]
    load.calls = cached  # credits are another test's
    async with under_load(load, world.target):
        await pause_for(1.0)
        async with paused(mysql), figures.phase("MySQL paused", load) as silent:
            (status, answer, seconds), change = await asyncio.gather(
                world.post("/v2/keys.verifyKey", {"key": unseen[0]["key"]}),
                world.post("/v2/apis.createApi", {"name": "silence"}),
            )
        figures.note(
            f"MySQL paused: a key that is not cached gets {status} after {seconds:.1f} s, "
            f"a change {change[0]} after {change[2]:.1f} s"
        )
        assert (change[0], change[1]["error"]["type"].rpartition("/")[2]) == (500, "service_unavailable")
        assert change[2] < max(STATEMENT_SECONDS, CONNECTING_SECONDS) + ROOM
        assert (status, answer["error"]["type"].rpartition("/")[2]) == (500, "service_unavailable")
        assert seconds < LOAD_BOUND + ROOM
        status, answer, _ = await world.post("/v2/keys.verifyKey", {"key": unseen[0]["key"]})
        assert answer["data"]["code"] == "VALID"
        kept_before = world.served.service.log_text().count(KEPT)
        async with killed(mysql), figures.phase("MySQL killed", load) as gone:
            asked = [
                await world.post("/v2/keys.verifyKey", {"key": unseen[1]["key"]}),
                await world.post("/v2/apis.createApi", {"name": "never"}),
                await world.post("/v2/keys.getKey", {"keyId": unseen[2]["keyId"]}),
            ]
            refused = await post(world.base, "/v2/apis.createApi", {"name": "never"}, stranger)
            # Long enough that cached keys go stale, are asked for again and stay.
            await eventually(lambda: world.served.service.log_text().count(KEPT) > kept_before, within_seconds=30)
        async with figures.phase("MySQL back", load) as back:
            await eventually(lambda: able_to_write(world), within_seconds=30)
        for key in unseen[1:]:
            _, answer, _ = await world.post("/v2/keys.verifyKey", {"key": key["key"]})
            assert answer["data"]["code"] == "VALID"
        assert (await post(world.base, "/v2/apis.createApi", {"name": "then"}, stranger))[0] == 200
    slowest = max(seconds for _, _, seconds in asked)
    figures.note(f"MySQL killed: what is not cached gets {[status for status, _, _ in asked]} within {slowest:.1f} s")
    assert [status for status, _, _ in asked] == [500, 500, 500]
    assert refused[0] == 500  # a root key nobody could look up is not an unknown one
    assert slowest < ROOM
    assert (silent.wrong, gone.wrong, back.wrong, load.lost) == ([], [], [], [])
    assert max(silent.slowest, gone.slowest, back.slowest) < ROOM
    assert await world.sql("SELECT count(*) FROM apis WHERE name = 'never'") == [(0,)]


async def able_to_write(world: World) -> bool:
    return (await world.post("/v2/apis.createApi", {"name": "again"}))[0] == 200


async def test_clickhouse_and_vault(world: World) -> None:
    """Nobody notices that ClickHouse is away, and no row is missing afterwards. Meanwhile the vault has its turn."""
    load, clickhouse, figures = world.load(), world.stores.clickhouse, world.figures
    began_ms = int(time.time() * 1000)
    api_id, kept = await recoverable_key(world)
    async with under_load(load, world.target):
        killed_at = time.monotonic()
        async with killed(clickhouse), figures.phase("ClickHouse killed", load) as gone:
            await pause_for(2.0)
        away_seconds = time.monotonic() - killed_at
        for outage, bound in ((killed, 0.0), (paused, LOAD_BOUND)):
            await vault_is_away(world, load, outage, bound=bound, api_id=api_id, kept=kept)
        async with paused(clickhouse), figures.phase("ClickHouse paused", load) as silent:
            await pause_for(1.5)
    assert (gone.wrong, silent.wrong, load.lost) == ([], [], [])
    assert max(gone.slowest, silent.slowest) < ROOM
    written, given_up, seconds = await rows_since(world, began_ms, load)
    figures.note(
        f"ClickHouse away {away_seconds:.1f} s: {len(load.answers)} requests, {written} rows written and "
        f"{given_up} given up {seconds:.1f} s after it was back"
    )
    # Every row is accounted for, and none is given up unless the machine took too long to bring ClickHouse back.
    assert written + given_up >= len(load.answers)
    assert given_up == 0 or away_seconds > KEPT_SECONDS
    assert written <= len(load.answers)


async def rows_since(world: World, moment_ms: int, load: Load) -> tuple[int, int, float]:
    """Wait until every row was written or given up; return how many of each, and how long that took."""
    began, table = time.monotonic(), "api_requests_raw_v2"
    paths = tuple({answer.call.path for answer in load.answers})
    count = (
        f"SELECT uniqExact(request_id) AS n FROM {table} WHERE workspace_id = '{world.caller.workspace_id}' "
        f"AND time >= {moment_ms} AND path IN {paths}"
    )
    found = (0, 0)
    async with open_clickhouse(parse_clickhouse_url(world.stores.clickhouse_url)) as client:

        async def settled() -> bool:
            nonlocal found
            [row] = await client.fetch(count)
            lost = await world.metric("unkey_batch_items_processed_errors_total", name=table)
            found = int(str(row["n"])), int(lost)
            return sum(found) >= len(load.answers)

        await eventually(settled, within_seconds=SETTLED_SECONDS)
    return *found, time.monotonic() - began


async def recoverable_key(world: World) -> tuple[str, str]:
    """Make an API that keeps keys recoverably, and a key in it; return their ids."""
    api = await made(world.base, "/v2/apis.createApi", {"name": "vault"}, world.caller)
    await world.sql(
        "UPDATE key_auth JOIN apis ON apis.key_auth_id = key_auth.id "
        f"SET store_encrypted_keys = true WHERE apis.id = '{api['apiId']}'"
    )
    kept = await made(world.base, "/v2/keys.createKey", {"apiId": api["apiId"], "recoverable": True}, world.caller)
    return api["apiId"], kept["keyId"]


async def vault_is_away(world: World, load: Load, outage: Outage, *, bound: float, api_id: str, kept: str) -> None:
    """What needs the vault fails as a whole; everything else does not need it."""
    figures, recoverable = world.figures, {"apiId": api_id, "recoverable": True}
    tables = ("`keys`", "encrypted_keys", "clickhouse_outbox")
    before = await counts(world, tables)
    async with outage(world.stores.vault), figures.phase(f"vault {outage.__name__}", load) as away:
        answers = await asyncio.gather(
            world.post("/v2/keys.createKey", recoverable),
            world.post("/v2/keys.rerollKey", {"keyId": kept, "expiration": 0}),
            world.post("/v2/keys.getKey", {"keyId": kept, "decrypt": True}),
        )
        await pause_for(0.3)
    slowest = max(seconds for _, _, seconds in answers)
    figures.note(f"vault {outage.__name__}: {[status for status, _, _ in answers]} within {slowest:.1f} s")
    assert [status for status, _, _ in answers] == [500, 500, 200]
    assert "plaintext" not in answers[2][1]["data"]
    assert slowest < bound + ROOM
    assert await counts(world, tables) == before
    assert (away.wrong, away.slowest < ROOM) == ([], True)
    assert (await world.post("/v2/keys.createKey", recoverable))[0] == 200


async def counts(world: World, tables: tuple[str, ...]) -> list[object]:
    return [(await world.sql(f"SELECT count(*) FROM {table}"))[0][0] for table in tables]


async def test_a_stop_with_every_store_silent_ends_in_time(world: World) -> None:
    load, service = world.load(), world.served.service
    changes = Load([Call("/v2/apis.createApi", b'{"name": "late"}', b"")], authorized(world.caller))
    async with under_load(load, world.target):
        await pause_for(0.5)
        for each in world.stores.all():
            each.pause()
        # More than there are connections for: they wait for new ones, which takes longer than the time for a stop.
        async with under_load(changes, replace(world.target, http1_connections=CHANGES)):
            await eventually(lambda: at_mysql(world, CHANGES), within_seconds=30)
            began = time.monotonic()
            service.signal(signal.SIGTERM)
            try:
                await eventually(lambda: service.process.poll() is not None, within_seconds=30)
            finally:
                for each in world.stores.all():
                    each.resume()
    took = time.monotonic() - began
    world.figures.note(f"stop with every store silent: status {service.process.returncode} after {took:.1f} s")
    assert service.process.returncode == 0, service.log_text()[-3000:]
    assert took < 2 * 4.0 + ROOM
    assert (load.lost, changes.lost) == ([], [])
    assert any(b"The service is restarting. Try again." in answer.body for answer in changes.answers)


async def at_mysql(world: World, statements: int) -> bool:
    """Say whether so many statements are under way, or wait for a connection to be made."""
    return await world.metric("unkey_database_pool_connections", server="primary", state="in_use") >= statements
