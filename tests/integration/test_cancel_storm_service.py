"""Clients that hang up at random moments never make the service give their answer to somebody else.

The whole service on real stores, behind its real listener on a real socket.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests.support.clock import FixedClock
from tests.support.harness import CommandRecorder, Harness, configuration
from tests.support.mysql import MysqlServer, run_sql
from tests.support.redis import RedisServer
from tests.support.statements import StatementRecorder
from tests.support.storm import Storm, StormPlan, tell_connections
from tests.support.waiting import eventually
from tests.support.wire import WireClient
from unkey_api.app import Application
from unkey_api.areas.keys.queries import NewKey, find_issuing_api, insert_keys
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import IdPrefix, KeyId, RandomIds
from unkey_api.core.keymaterial import generate_key
from unkey_api.infra.mysql import Database, Dsn, WriteConn
from unkey_api.infra.redis.client import RedisClient, RedisOptions, open_redis
from unkey_api.rpc.health import Phase
from unkey_api.server.http1.listener import Http1Listener
from unkey_api.server.sockets import bind_workers
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration

KEYS = 1_500
CREDITED = 20
CREDITS_STEP = 10_000_000
"""Distance between the credits of two keys: how many are left tells whose answer it is."""
AT_ONCE = 40
GONE_MS = 700_000  # after this long nothing cached is served any more, so every key is looked up again
POOL = 25  # the most connections the service opens

VERIFY = ("/v2/keys.verifyKey", "/unkey.keys.v2.KeysService/VerifyKey")
LIMIT = ("/v2/ratelimit.limit", "/unkey.ratelimit.v2.RatelimitService/Limit")


@dataclass(frozen=True)
class Served:
    """The service as this test sees it."""

    app: Application
    port: int
    harness: Harness
    clock: FixedClock


@pytest.fixture
async def served(
    mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer, database: Database
) -> AsyncIterator[Served]:
    """An application of this test alone, so that its pools can be counted."""
    clock, statements = FixedClock(), StatementRecorder()
    text = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
    # Every client that leaves would be a line (0 would mean the default), and every request when the clock moves on.
    settings = load_settings(text + '\n[observability.logging]\nsample_rate = 0.000001\nslow_threshold = "24h"\n', {})
    async with (
        open_application(settings, Runtime(clock=clock, jitter=lambda: 0.5, statements=statements)) as opened,
        listening(opened.app) as port,
    ):
        opened.health.phase = Phase.SERVING
        yield Served(opened.app, port, Harness(opened.app, database, clock, statements, CommandRecorder()), clock)


@asynccontextmanager
async def listening(app: Application) -> AsyncIterator[int]:
    """Serve on a free port of loopback."""
    sockets = bind_workers("127.0.0.1", http_port=0, http2_port=0, workers=1)[0]
    port: int = sockets.http1.getsockname()[1]
    listener = Http1Listener(app, sockets.http1, budget=timedelta(seconds=5), tls=None)
    await listener.start()
    try:
        yield port
    finally:
        await listener.drain()


class World:
    """Keys whose answers tell them apart: by name, or by how many credits are left."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._ids = RandomIds()
        self.root_key = ""
        self.named: list[str] = []
        self.credited: list[str] = []

    async def populate(self) -> None:
        harness = self._served.harness
        admin = await harness.admin()
        self.root_key = admin.root_key
        answer = await harness.post("/v2/apis.createApi", {"name": "storm"}, admin)
        api = await find_issuing_api(harness.database.primary, answer.json["data"]["apiId"])
        assert api is not None
        assert api.keyspace_id is not None
        rows = []
        for number in range(KEYS + CREDITED):
            material = generate_key(secrets.token_bytes, byte_length=16)
            is_credited = number >= KEYS
            row = NewKey(
                id=KeyId(self._ids.new(IdPrefix.KEY)),
                key_auth_id=api.keyspace_id,
                hash=material.hash,
                start=material.start,
                workspace_id=admin.workspace_id,
                created_at_m=UnixMs(1),
                name=f"name-{number}",
                remaining_requests=CREDITS_STEP * (number - KEYS + 1) if is_credited else None,
            )
            rows.append(row)
            (self.credited if is_credited else self.named).append(material.plaintext.reveal())

        async def write(tx: WriteConn) -> None:
            await insert_keys(tx, rows)

        await harness.database.transaction("storm.populate", write)


class Asker:
    """Asks the service, over either surface, on connections that are hung up with the asker."""

    def __init__(self, served: Served, world: World, storm: Storm) -> None:
        self._served = served
        self._world = world
        self._draw = storm.random
        self._idle: list[WireClient] = []
        self._stem = secrets.token_hex(4)

    async def ask(self, nonce: int) -> object:
        """Return what the answer says about whose it is, which has to be what `expect` says."""
        client = self._idle.pop() if self._idle else WireClient(self._served.port, self._world.root_key)
        try:
            return await self._question(client, nonce)
        finally:
            self._idle.append(client)

    async def _question(self, client: WireClient, nonce: int) -> object:
        surface = self._draw.randrange(2)
        if nonce % KEYS == 0:
            self._served.clock.advance(GONE_MS)
        match nonce % 3:
            case 0:
                body = {"key": self._world.named[nonce % KEYS]}
                return data_of(await client.post(VERIFY[surface], body))["name"]
            case 1:
                body = {"key": self._world.credited[nonce % CREDITED]}
                left = int(data_of(await client.post(VERIFY[surface], body))["credits"])
                # Between full and nearly full, since each verification takes one.
                return -(-left // CREDITS_STEP)
            case _:
                # An identifier nobody has used makes the service ask Redis before it answers.
                limit = {
                    "namespace": "storm",
                    "identifier": f"{self._stem}-{nonce}",
                    "limit": nonce,
                    "duration": 60_000,
                }
                data = data_of(await client.post(LIMIT[surface], limit))
                return int(data["limit"]), int(data.get("remaining", 0))

    def leave(self) -> None:
        """Close what is open."""
        for client in self._idle:
            client.hang_up()


def expect(nonce: int) -> object:
    """Return what the answer to a question tells."""
    match nonce % 3:
        case 0:
            return f"name-{nonce % KEYS}"
        case 1:
            return nonce % CREDITED + 1
        case _:
            return nonce, nonce - 1


def data_of(answer: Any) -> Any:
    """Return the data of an answer of either surface."""
    return answer.get("data", answer)


async def test_every_answer_belongs_to_its_question(served: Served, mysql_dsn: Dsn, redis_server: RedisServer) -> None:
    world = World(served)
    await world.populate()
    async with open_redis(RedisOptions(redis_server.url, command_timeout=timedelta(seconds=5))) as observer:
        redis_links = await redis_connections(observer)
        storm = Storm(StormPlan.share(0.22), seed=5, at_once=AT_ONCE, longest_seconds=0.03)
        asker = Asker(served, world, storm)
        await storm.rage(asker.ask, expect=expect)
        storm.verify()
        await eventually(lambda: served.app.in_flight == 0)
        after = await asyncio.gather(*(asker.ask(nonce) for nonce in range(60)))
        assert after == [expect(nonce) for nonce in range(60)]
        asker.leave()
        tell_connections("Redis, of the service", await redis_connections(observer) - redis_links)
        assert await redis_connections(observer) == redis_links
        # The service, this test's own database and this look itself; all of them bounded by their pools.
        await eventually(lambda: _at_most(mysql_dsn, 2 * POOL + 1))
        tell_connections("MySQL, of the service and this test", await mysql_connections(mysql_dsn) - 1)
    assert served.app.in_flight == 0


async def redis_connections(client: RedisClient) -> int:
    listed = await client._run(b"CLIENT", "LIST")
    assert isinstance(listed, bytes)
    return len(listed.splitlines())


async def mysql_connections(dsn: Dsn) -> int:
    """Return how many there are, this look included."""
    rows = await run_sql(dsn, "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()")
    return int(str(rows[0][0]))


async def _at_most(dsn: Dsn, count: int) -> bool:
    return await mysql_connections(dsn) <= count
