"""A replica to read from and a collector of traces, each killed, paused and brought back under load."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import pytest

from tests.e2e.faults.figures import Figures
from tests.e2e.faults.world import ROOM, World, open_world, pause_for
from tests.support.load import Load, under_load
from tests.support.outages import Dependencies, killed, paused
from tests.support.served import ServeOptions, connection_string, fetch
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LOAD_BOUND = 5.0
"""Seconds a request may wait for something that is not cached."""
SHUTDOWN_SECONDS = 4.0


@pytest.fixture(scope="module")
async def world(
    stores: Dependencies, figures: Figures, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    options = ServeOptions(
        database=stores.connection_string,
        replica=connection_string(stores.replica_database),
        replica_lag_max="1s",
        redis=stores.redis_url,
        collector=stores.collector_url,
        shutdown_timeout=f"{SHUTDOWN_SECONDS:.0f}s",
    )
    async with open_world(options, stores, figures, tmp_path_factory.mktemp("replica")) as opened:
        yield opened


def cached_load(world: World) -> Load:
    """Return load that reads no more than is cached; keys with credits read balances from the primary."""
    load = world.load()
    load.calls = [call for call in load.calls if world.counted["key"].encode() not in call.body]
    return load


async def code_of(world: World, key: dict[str, str]) -> tuple[int, str, float]:
    """Verify a key; return status, the code of the answer or the kind of failure, and the seconds it took."""
    status, answer, seconds = await world.post("/v2/keys.verifyKey", {"key": key["key"]})
    said = answer["data"]["code"] if status == 200 else answer["error"]["type"].rpartition("/")[2]
    return status, said, seconds


async def test_replica(world: World) -> None:
    """Without the replica cached keys verify and changes are made; what it would serve fails as unavailable."""
    load, figures, stores = cached_load(world), world.figures, world.stores
    unseen = await world.make_keys(2)
    async with under_load(load, world.target):
        await pause_for(0.5)
        phases = []
        for key, (outage, bound) in zip(unseen, ((paused, LOAD_BOUND), (killed, 0.0)), strict=True):
            name = outage.__name__
            await eventually(world.replica_believed, within_seconds=30)
            async with outage(stores.replica), figures.phase(f"replica {name}", load) as away:
                status, said, seconds = await code_of(world, key)
                made = await world.post("/v2/apis.createApi", {"name": "without replica"})
                await pause_for(0.5)
            figures.note(
                f"replica {name}: a key that is not cached gets {status} after {seconds:.1f} s, "
                f"a change {made[0]} after {made[2]:.1f} s"
            )
            assert (status, said) == (500, "service_unavailable")
            assert seconds < bound + ROOM
            assert made[0] == 200
            phases.append(away)

            async def read_again(key: dict[str, str] = key) -> bool:
                return (await code_of(world, key))[:2] == (200, "VALID")

            await eventually(read_again, within_seconds=30)
    assert [phase.wrong for phase in phases] == [[], []]
    assert max(phase.slowest for phase in phases) < ROOM
    assert load.lost == []


async def test_primary_without_which_the_replica_is_still_read(world: World) -> None:
    load, figures, stores = cached_load(world), world.figures, world.stores
    await eventually(world.caught_up, within_seconds=30)
    [unseen] = await world.make_keys(1)
    await eventually(world.replica_believed, within_seconds=30)
    async with under_load(load, world.target):
        async with killed(stores.mysql), figures.phase("primary killed, replica there", load) as gone:
            read = await code_of(world, unseen)
            status, answer, seconds = await world.post("/v2/apis.createApi", {"name": "never"})
            await pause_for(0.5)

        async def able_to_write() -> bool:
            return (await world.post("/v2/apis.createApi", {"name": "again"}))[0] == 200

        await eventually(able_to_write, within_seconds=30)
    figures.note(f"primary killed: a key that is not cached gets {read[0]} {read[1]}, a change {status}")
    assert read[:2] == (200, "VALID")
    assert (status, answer["error"]["type"].rpartition("/")[2]) == (500, "service_unavailable")
    assert seconds < ROOM
    assert (gone.wrong, gone.slowest < ROOM, load.lost) == ([], True, [])


async def spans(world: World) -> int:
    """Return how many spans have come to the collector since its start."""
    return int((await asyncio.to_thread(fetch, f"{world.stores.collector_url}/count"))[1])


async def test_collector(world: World) -> None:
    """Every request is traced, and nobody notices that nobody takes the traces."""
    load, figures = world.load(), world.figures
    async with under_load(load, world.target):
        async with figures.phase("collector there", load):
            await pause_for(1.0)
        for outage in (killed, paused):
            name = outage.__name__
            async with outage(world.stores.collector), figures.phase(f"collector {name}", load) as away:
                await pause_for(2.0)
            assert (away.wrong, away.slowest < ROOM) == ([], True)
        before = await spans(world)

        async def traced_again() -> bool:
            return await spans(world) > before

        began = time.monotonic()
        await eventually(traced_again, within_seconds=60)
        figures.note(f"traces arrive again {time.monotonic() - began:.1f} s after the collector is back")
    assert load.lost == []


async def test_a_stop_waits_for_no_collector_that_is_silent(world: World) -> None:
    load, service = world.load(), world.served.service
    async with under_load(load, world.target):
        await pause_for(0.5)
        async with paused(world.stores.collector):
            began = time.monotonic()
            service.signal(signal.SIGTERM)
            await eventually(lambda: service.process.poll() is not None, within_seconds=60)
            took = time.monotonic() - began
    world.figures.note(f"stop with a silent collector: status {service.process.returncode} after {took:.1f} s")
    assert service.process.returncode == 0, service.log_text()[-3000:]
    assert took < SHUTDOWN_SECONDS + ROOM
    assert load.lost == []
