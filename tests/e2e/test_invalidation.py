"""Several served processes on one database: what one revokes, the others refuse."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from statistics import quantiles
from typing import Any

import aiohttp
import pytest

from tests.support.harness import Caller
from tests.support.redis import RedisServer
from tests.support.serf import KEY, free_ports, needs_serf
from tests.support.served import Served, ServeOptions, Service, fetch, served_by, serving
from tests.support.waiting import eventually
from unkey_api.infra.mysql import Database

pytestmark = pytest.mark.e2e
ROUNDS = 100
WITHIN_SECONDS = 5.0
"""After this, 99 of 100 revocations are known everywhere, and long before on a machine that is not busy; the printed
figures say when. Without a bus it is ten seconds and more."""


def gossip(bind: int, rpc: int, *, join: int | None = None, program: str = "serf") -> str:
    """Return the section of a process on loopback."""
    lines = [
        f'bind_addr = "127.0.0.1:{bind}"',
        f'agent_rpc_address = "127.0.0.1:{rpc}"',
        f'secret_key = "{KEY.reveal()}"',
        f'program = "{program}"',
    ]
    return "\n".join([*lines, *([f'join = ["127.0.0.1:{join}"]'] if join else [])])


@pytest.fixture(scope="module")
def three(
    served_database: str, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Service]]:
    """Three hosts, the last with two workers, each with its agent."""
    ports = free_ports(6)
    with ExitStack() as stack:
        services = []
        for number in range(3):
            section = gossip(ports[number], ports[3 + number], join=ports[0] if number else None)
            options = ServeOptions(
                database=served_database, redis=redis_server.url, workers=1 + number // 2, gossip=section
            )
            services.append(stack.enter_context(serving(options, tmp_path_factory.mktemp(f"host{number}"))))
        yield services


class Caller3:
    """Calls operations of several services as one caller."""

    def __init__(self, session: aiohttp.ClientSession, caller: Caller) -> None:
        self._session = session
        self._caller = caller

    async def call(self, service: Service, operation: str, body: object) -> Any:
        headers = {"authorization": f"Bearer {self._caller.root_key}"}
        async with self._session.post(f"{service.base}/v2/{operation}", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.json())["data"]

    async def code(self, service: Service, secret: str) -> str:
        """Verify a key and return the code of the answer."""
        return str((await self.call(service, "keys.verifyKey", {"key": secret}))["code"])

    async def key(self, service: Service) -> tuple[str, str]:
        """Make a key in an API of its own and return id and secret."""
        api_id = (await self.call(service, "apis.createApi", {"name": "payments"}))["apiId"]
        made = await self.call(service, "keys.createKey", {"apiId": api_id})
        return made["keyId"], made["key"]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections of this test."""
    async with aiohttp.ClientSession() as opened:
        yield opened


async def caller_of(service: Service, database: Database, session: aiohttp.ClientSession) -> Caller3:
    """Return an administrator of a fresh workspace."""
    served: Served = served_by(service, database)
    return Caller3(session, await served.admin())


def detail(service: Service) -> tuple[int, str]:
    """Return what readiness says about the bus."""
    status, body = fetch(f"{service.base}/health/ready")
    return status, json.loads(body)["details"]["invalidation"]


def settled(services: list[Service]) -> bool:
    """Say whether every agent knows all three: then three members are in each one's list."""
    return all(detail(service) == (200, "gossip") for service in services)


@needs_serf
class TestGossip:
    async def test_a_revoked_key_is_refused_everywhere_long_before_the_cache_would(
        self, three: list[Service], database: Database, session: aiohttp.ClientSession
    ) -> None:
        assert settled(three)
        first, *others = three
        caller = await caller_of(first, database, session)
        delays: list[float] = []
        for round_ in range(ROUNDS + 1):
            key_id, secret = await caller.key(first)
            for service in three:
                assert await caller.code(service, secret) == "VALID"
            began = time.monotonic()
            await caller.call(first, "keys.deleteKey", {"keyId": key_id})
            for service in others:

                async def refused(of: Service = service, secret: str = secret) -> bool:
                    return await caller.code(of, secret) == "NOT_FOUND"

                await eventually(refused, within_seconds=20)
            if round_:  # the first one may have met agents that were still joining
                delays.append(time.monotonic() - began)
        report("revoked on one host until refused on both others", delays)
        assert quantiles(delays, n=100)[98] < WITHIN_SECONDS
        assert 'delivery_latency_seconds_count{transport="gossip"}' in three[1].metrics()

    async def test_every_worker_of_a_host_hears(
        self, three: list[Service], database: Database, session: aiohttp.ClientSession
    ) -> None:
        caller = await caller_of(three[0], database, session)
        key_id, _ = await caller.key(three[0])
        await caller.call(three[0], "keys.deleteKey", {"keyId": key_id})
        line = 'invalidations_received_total{action="remove",cache_name="verification_key_by_hash",status="handled"}'
        ports = [three[2].options.metrics_port + worker for worker in range(2)]
        await eventually(lambda: all(line in fetch(f"http://127.0.0.1:{port}/metrics")[1] for port in ports))

    async def test_an_identity_that_changed_is_seen_everywhere(
        self, three: list[Service], database: Database, session: aiohttp.ClientSession
    ) -> None:
        first, second, _ = three
        caller = await caller_of(first, database, session)
        api_id = (await caller.call(first, "apis.createApi", {"name": "payments"}))["apiId"]
        made = await caller.call(first, "keys.createKey", {"apiId": api_id, "externalId": "user_1"})

        async def meta(service: Service) -> object:
            seen = await caller.call(service, "keys.verifyKey", {"key": made["key"]})
            return seen["identity"].get("meta")

        assert await meta(second) in (None, {})
        await caller.call(first, "identities.updateIdentity", {"identity": "user_1", "meta": {"plan": "pro"}})

        async def new() -> bool:
            return await meta(second) == {"plan": "pro"}

        await eventually(new, within_seconds=5)


class TestWithout:
    async def test_redis_carries_changes_where_no_gossip_is_configured(
        self, served: Served, served_database: str, redis_server: RedisServer, database: Database,
        session: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory,
    ) -> None:  # fmt: skip
        options = ServeOptions(database=served_database, redis=redis_server.url)
        with serving(options, tmp_path_factory.mktemp("second")) as other:
            assert detail(other) == (200, "redis")
            caller = await caller_of(other, database, session)
            delays = []
            for _ in range(20):
                key_id, secret = await caller.key(other)
                assert await caller.code(served.service, secret) == "VALID"
                began = time.monotonic()
                await caller.call(other, "keys.deleteKey", {"keyId": key_id})

                async def refused(secret: str = secret) -> bool:
                    return await caller.code(served.service, secret) == "NOT_FOUND"

                await eventually(refused, within_seconds=20)
                delays.append(time.monotonic() - began)
        report("the same over redis", delays)
        assert quantiles(delays, n=100)[98] < WITHIN_SECONDS

    @pytest.mark.timeout(120)
    async def test_with_neither_the_service_says_so_and_reads_the_log(
        self, served: Served, served_database: str, database: Database, session: aiohttp.ClientSession,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:  # fmt: skip
        bind, rpc, nothing = free_ports(3)
        options = ServeOptions(
            database=served_database,
            redis=f"redis://127.0.0.1:{nothing}",
            gossip=gossip(bind, rpc, program="no-such-serf"),
        )
        with serving(options, tmp_path_factory.mktemp("alone")) as alone:
            status, said = detail(alone)
            assert status == 200
            assert said.startswith("local; gossip is not available: no-such-serf is not installed; redis is not")
            assert 'transport_up{transport="gossip"} 0.0' in alone.metrics()
            assert "no-such-serf is not installed" in alone.log_text()
            caller = await caller_of(alone, database, session)
            key_id, secret = await caller.key(alone)
            assert await caller.code(alone, secret) == "VALID"
            await caller.call(served.service, "keys.deleteKey", {"keyId": key_id})

            async def refused() -> bool:
                return await caller.code(alone, secret) == "NOT_FOUND"

            await eventually(refused, within_seconds=9)  # before the window of its entry ends


def report(what: str, seconds: list[float]) -> None:
    """Print the distribution; pytest shows it with -s, and always when the test fails."""
    cuts = quantiles(seconds, n=100)
    shown = ", ".join(f"p{rank} {cuts[rank - 1] * 1000:.0f} ms" for rank in (50, 90, 99))
    sys.stdout.write(f"\n{what}: {len(seconds)} times, {shown}, most {max(seconds) * 1000:.0f} ms\n")
