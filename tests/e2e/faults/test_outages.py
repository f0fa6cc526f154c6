"""Each store killed, paused and brought back under load: what callers notice, and for how long.

The bounds are those that docs/operations.md states, with room for a busy machine.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol  # answers are JSON of any shape

import pytest

from tests.e2e.faults.figures import Figures, to_file_and_terminal
from tests.e2e.faults.making import authorized, limit, made, make_keys, post, verify
from tests.support.harness import Caller
from tests.support.load import Load, Target, under_load
from tests.support.mysql import run_sql, settings_for
from tests.support.outages import Dependencies, Dependency, dependencies, killed, paused
from tests.support.served import Served, ServeOptions, served_by, serving
from tests.support.waiting import eventually
from unkey_api.core.clock import SystemClock
from unkey_api.infra.clickhouse.address import parse_clickhouse_url
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.infra.mysql import open_database

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CREDITS = 1_000_000
REDIS_BOUND = 0.3
"""Seconds a request may lose to Redis."""
LOAD_BOUND = 5.0
"""Seconds a request may wait for something that is not cached."""
ROOM = 1.2
"""Seconds that a busy machine may add."""


class Outage(Protocol):
    """`killed` or `paused`."""

    __name__: str

    def __call__(self, dependency: Dependency, /) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True)
class World:
    served: Served
    stores: Dependencies
    caller: Caller
    keys: list[dict[str, str]]
    counted: dict[str, str]
    """A key with credits."""
    figures: Figures

    @property
    def base(self) -> str:
        return self.served.base

    def load(self) -> Load:
        calls = [*map(verify, [*self.keys, self.counted]), *limit("faults", ["a", "b"])]
        return Load(calls, authorized(self.caller))

    @property
    def target(self) -> Target:
        options = self.served.service.options
        return Target(
            http1_port=options.http_port, http2_port=options.http2_port, http1_connections=8, pace_seconds=0.02
        )

    async def post(self, path: str, body: object) -> tuple[int, Any, float]:
        """Call an operation; return status, body and how long it took."""
        began = time.monotonic()
        status, answer = await post(self.base, path, body, self.caller)
        return status, answer, time.monotonic() - began

    async def sql(self, statement: str) -> list[tuple[object, ...]]:
        return await run_sql(self.stores.database, statement)


@pytest.fixture(scope="module")
def figures() -> Figures:
    return to_file_and_terminal()


@pytest.fixture(scope="module")
async def stores() -> AsyncIterator[Dependencies]:
    # Not under pytest's own folder: the path of a unix socket must be short.
    with tempfile.TemporaryDirectory(prefix="unkey-faults-", dir="/tmp") as folder:
        async with dependencies(Path(folder)) as running:
            yield running


@pytest.fixture(scope="module")
def running(stores: Dependencies) -> ServeOptions:
    return ServeOptions(
        database=stores.connection_string,
        redis=stores.redis_url,
        clickhouse=stores.clickhouse_url,
        vault=stores.vault_address,
        shutdown_timeout="4s",
    )


@pytest.fixture(scope="module")
async def world(
    stores: Dependencies, running: ServeOptions, figures: Figures, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with open_database(settings_for(stores.database), clock=SystemClock()) as database:
        with serving(running, tmp_path_factory.mktemp("outages")) as service:
            served = served_by(service, database)
            caller = await served.admin()
            keys = await make_keys(served.base, caller, 4)
            limited = {"name": "each", "limit": 1_000_000, "duration": 60_000, "autoApply": True}
            keys += await make_keys(served.base, caller, 1, ratelimits=[limited])
            [counted] = await make_keys(served.base, caller, 1, credits={"remaining": CREDITS})
            yield World(served, stores, caller, keys, counted, figures)


async def pause_for(seconds: float) -> None:
    """Let an outage last; its length is what is measured, so there is no condition to wait for."""
    await asyncio.sleep(seconds)


def counter(metrics: str, name: str, **labels: str) -> float:
    """Return the sum of the series of a metric that have these labels."""
    lines = [line for line in metrics.splitlines() if line.startswith(name + "{")]
    chosen = [line for line in lines if all(f'{key}="{value}"' in line for key, value in labels.items())]
    return sum(float(line.rpartition(" ")[2]) for line in chosen)


def by_redis(world: World) -> float:
    return counter(world.served.service.metrics(), "unkey_usagelimiter_decisions_total", source="redis")


async def test_redis(world: World) -> None:
    load, redis, figures = world.load(), world.stores.redis, world.figures
    async with under_load(load, world.target):
        async with figures.phase("Redis there", load):
            await pause_for(1.0)
        for outage in (killed, paused):
            with outage(redis):
                async with figures.phase(f"Redis {outage.__name__}", load) as away:
                    await pause_for(1.2)
            seen, since = by_redis(world), time.monotonic()
            async with figures.phase(f"Redis back after {outage.__name__}", load) as back:
                await eventually(lambda seen=seen: by_redis(world) > seen + 10, within_seconds=15)  # type: ignore[misc]  # a default binds the loop's value
            figures.note(f"Redis used again {time.monotonic() - since:.1f} s after it was {outage.__name__}")
            assert (away.wrong, back.wrong) == ([], [])
            assert max(away.slowest, back.slowest) < REDIS_BOUND + ROOM
    assert load.lost == []
    spent = sum(answer.call.expected == verify(world.counted).expected for answer in load.answers)

    async def written() -> bool:
        [[remaining]] = await world.sql(f"SELECT remaining_requests FROM `keys` WHERE id = '{world.counted['keyId']}'")
        return remaining == CREDITS - spent

    await eventually(written, within_seconds=10)


async def test_mysql(world: World) -> None:
    """Keys in the caches go on; what is not cached fails, soon, as unavailable, and nothing is taken for absent."""
    load, mysql, figures = world.load(), world.stores.mysql, world.figures
    unseen = (await make_keys(world.base, world.caller, 3))[:3]
    stranger = await world.served.admin()
    cached = [call for call in load.calls if world.counted["key"].encode() not in call.body]
    load.calls = cached  # credits are another test's
    async with under_load(load, world.target):
        await pause_for(1.0)
        with paused(mysql):
            async with figures.phase("MySQL paused", load) as silent:
                status, answer, seconds = await world.post("/v2/keys.verifyKey", {"key": unseen[0]["key"]})
        figures.note(f"MySQL paused: a key that is not cached gets {status} after {seconds:.1f} s")
        assert (status, answer["error"]["type"].rpartition("/")[2]) == (500, "service_unavailable")
        assert LOAD_BOUND - 0.5 < seconds < LOAD_BOUND + ROOM
        status, answer, _ = await world.post("/v2/keys.verifyKey", {"key": unseen[0]["key"]})
        assert answer["data"]["code"] == "VALID"
        with killed(mysql):
            async with figures.phase("MySQL killed", load) as gone:
                asked = [
                    await world.post("/v2/keys.verifyKey", {"key": unseen[1]["key"]}),
                    await world.post("/v2/apis.createApi", {"name": "never"}),
                    await world.post("/v2/keys.getKey", {"keyId": unseen[2]["keyId"]}),
                ]
                refused = await post(world.base, "/v2/apis.createApi", {"name": "never"}, stranger)
                await pause_for(4.5)
        async with figures.phase("MySQL back", load) as back:
            await eventually(lambda: able_to_write(world), within_seconds=10)
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
    assert "cache refresh failed, the old entry stays" in world.served.service.log_text()
    assert await world.sql("SELECT count(*) FROM apis WHERE name = 'never'") == [(0,)]


async def able_to_write(world: World) -> bool:
    return (await world.post("/v2/apis.createApi", {"name": "again"}))[0] == 200


async def test_clickhouse_and_vault(world: World) -> None:
    """Nobody notices that ClickHouse is away, and no row is missing afterwards. Meanwhile the vault has its turn."""
    load, clickhouse, figures = world.load(), world.stores.clickhouse, world.figures
    began_ms = int(time.time() * 1000)
    api_id, kept = await recoverable_key(world)
    async with under_load(load, world.target):
        with killed(clickhouse):
            async with figures.phase("ClickHouse killed", load) as gone:
                await pause_for(2.0)
        for outage, bound in ((killed, 0.0), (paused, LOAD_BOUND)):
            await vault_is_away(world, load, outage, bound=bound, api_id=api_id, kept=kept)
        with paused(clickhouse):
            async with figures.phase("ClickHouse paused", load) as silent:
                await pause_for(1.5)
    assert (gone.wrong, silent.wrong, load.lost) == ([], [], [])
    assert max(gone.slowest, silent.slowest) < ROOM
    back_at = time.monotonic()
    paths = {answer.call.path for answer in load.answers}
    count = (
        "SELECT uniqExact(request_id) AS n FROM api_requests_raw_v2 "
        f"WHERE workspace_id = '{world.caller.workspace_id}' AND time >= {began_ms} AND path IN {tuple(paths)}"
    )
    async with open_clickhouse(parse_clickhouse_url(world.stores.clickhouse_url)) as client:

        async def complete() -> bool:
            [row] = await client.fetch(count)
            return row["n"] == len(load.answers)

        await eventually(complete, within_seconds=40)
    figures.note(f"ClickHouse: {len(load.answers)} requests, as many rows {time.monotonic() - back_at:.1f} s later")


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
    with outage(world.stores.vault):
        async with figures.phase(f"vault {outage.__name__}", load) as away:
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
    async with under_load(load, world.target):
        await pause_for(0.5)
        for each in world.stores.all():
            each.pause()
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
    assert load.lost == []
