"""The agent of a host killed and frozen under load: changes go over Redis, and stay local without that too."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.faults.figures import Figures
from tests.e2e.faults.making import authorized, made, make_keys, post, verify
from tests.e2e.faults.world import ROOM
from tests.support.harness import Caller
from tests.support.load import Load, Target, under_load
from tests.support.redis import RedisServer
from tests.support.serf import KEY, free_ports, needs_serf
from tests.support.served import Served, ServeOptions, Service, fetch, processes_of, served_by, serving
from tests.support.waiting import eventually
from unkey_api.infra.mysql import Database

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120), needs_serf]

DETECTED_SECONDS = 8.0
"""After this an agent that says nothing was given up: five seconds between questions, two for an answer, and some."""
TOLD_SECONDS = 1.0
"""Until a revoked key is refused elsewhere, over either way."""
WINDOW_SECONDS = 11.0
"""The same with no way at all: ten seconds, and the answer that finds the entry stale."""


def section(bind: int, rpc: int, join: int | None) -> str:
    """Return the configuration of an agent on loopback."""
    lines = [
        f'bind_addr = "127.0.0.1:{bind}"',
        f'agent_rpc_address = "127.0.0.1:{rpc}"',
        f'secret_key = "{KEY.reveal()}"',
    ]
    return "\n".join([*lines, *([f'join = ["127.0.0.1:{join}"]'] if join else [])])


@dataclass(frozen=True, slots=True)
class Hosts:
    """Two services, each with an agent, and a Redis of their own."""

    first: Served
    second: Served
    redis: RedisServer
    caller: Caller

    async def refused_after(self) -> float:
        """Revoke a key on the first host; return the seconds until the second refuses it."""
        [key] = await make_keys(self.first.base, self.caller, 1)
        for host in (self.first, self.second):
            assert await self.code(host, key) == "VALID"
        await made(self.first.base, "/v2/keys.deleteKey", {"keyId": key["keyId"]}, self.caller)
        began = time.monotonic()

        async def refused() -> bool:
            return await self.code(self.second, key) == "NOT_FOUND"

        await eventually(refused, within_seconds=30)
        return time.monotonic() - began

    async def code(self, host: Served, key: dict[str, str]) -> str:
        """Verify a key."""
        status, answer = await post(host.base, "/v2/keys.verifyKey", {"key": key["key"]}, self.caller)
        assert status == 200
        return str(answer["data"]["code"])


@pytest.fixture
async def hosts(
    served_database: str, database: Database, own_redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hosts]:
    ports = free_ports(4)
    binds, rpcs = ports[:2], ports[2:]
    own_redis_server.start()
    with ExitStack() as stack:
        services = []
        for number in range(2):
            gossip = section(binds[number], rpcs[number], binds[0] if number else None)
            options = ServeOptions(database=served_database, redis=own_redis_server.url, gossip=gossip)
            service = stack.enter_context(serving(options, tmp_path_factory.mktemp(f"host{number}")))
            services.append(served_by(service, database))
        yield Hosts(services[0], services[1], own_redis_server, await services[0].admin())


def agent_of(service: Service) -> int:
    """Return the process id of the agent that a service supervises."""
    [pid] = [
        pid for pid in processes_of(service.process.pid) if Path(f"/proc/{pid}/comm").read_text().strip() == "serf"
    ]
    return pid


async def way_of(host: Served) -> str:
    """Return what readiness says about the bus; it must stay ready."""
    status, body = await asyncio.to_thread(fetch, f"{host.base}/health/ready")
    assert status == 200
    return str(json.loads(body)["details"]["invalidation"])


async def test_an_agent_that_dies_or_freezes_costs_no_answer_and_no_revocation(hosts: Hosts, figures: Figures) -> None:
    options = hosts.first.service.options
    load = Load([*map(verify, await make_keys(hosts.first.base, hosts.caller, 3))], authorized(hosts.caller))
    target = Target(http1_port=options.http_port, http2_port=options.http2_port, http1_connections=8, pace_seconds=0.02)

    async def way(start: str) -> float:
        began = time.monotonic()

        async def said() -> bool:
            return (await way_of(hosts.first)).startswith(start)

        await eventually(said, within_seconds=40)
        return time.monotonic() - began

    async with under_load(load, target):
        await way("gossip")
        agent = agent_of(hosts.first.service)
        async with figures.phase("agent killed", load) as killed:
            os.kill(agent, signal.SIGKILL)
            noticed = await way("redis; gossip is not available")
            told = await hosts.refused_after()
            back = await way("gossip")
        figures.note(
            f"agent killed: Redis used after {noticed:.1f} s, a revocation told in {told:.2f} s, "
            f"gossip again after {back:.1f} s"
        )
        assert noticed < ROOM
        assert told < TOLD_SECONDS + ROOM
        agent = agent_of(hosts.first.service)
        async with figures.phase("agent frozen", load) as frozen:
            os.kill(agent, signal.SIGSTOP)
            noticed = await way("redis; gossip is not available")
            told = await hosts.refused_after()
        figures.note(f"agent frozen: Redis used after {noticed:.1f} s, a revocation told in {told:.2f} s")
        assert noticed < DETECTED_SECONDS + ROOM
        assert told < TOLD_SECONDS + ROOM
        async with figures.phase("agent frozen, Redis killed", load) as alone:
            hosts.redis.stop()
            await way("local; gossip is not available")
            told = await hosts.refused_after()
            await asyncio.to_thread(hosts.redis.start)
            os.kill(agent, signal.SIGCONT)
            back = await way("gossip")
        figures.note(
            f"agent frozen, Redis killed: a revocation is seen elsewhere after {told:.1f} s; "
            f"gossip again {back:.1f} s after both are back"
        )
        assert told < WINDOW_SECONDS + ROOM
    phases = (killed, frozen, alone)
    assert [phase.wrong for phase in phases] == [[], [], []]
    assert max(phase.slowest for phase in phases) < ROOM
    assert load.lost == []
    metrics = await asyncio.to_thread(hosts.first.service.metrics)
    assert 'unkey_cache_clustering_transport_up{transport="gossip"} 1.0' in metrics
    log = hosts.first.service.log_text()
    assert '"transport":"local; gossip is not available' in log
    assert '"message":"serf agent does not run"' in log
