"""Cancelled commands never leave their answer to somebody else on the shared connection."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from tests.support.redis import RedisServer
from tests.support.storm import Storm, StormPlan, tell_connections
from tests.support.waiting import eventually
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.redis.client import INCREMENT_MANY, RedisClient, RedisOptions, open_redis

pytestmark = pytest.mark.integration

KEYS = 200
AT_ONCE = 60


def value_of(nonce: int) -> int:
    """What the key of a nonce holds."""
    return nonce % KEYS + 1


class Asker:
    """Reads counters in every way the service does."""

    def __init__(self, client: RedisClient, draw: random.Random) -> None:
        self._client = client
        self._draw = draw
        stem = RandomIds().new(IdPrefix.KEY)
        self._names = [f"{stem}:{number}" for number in range(KEYS)]

    async def prepare(self) -> None:
        await self._client.increment_many([(name, number + 1, 3_600) for number, name in enumerate(self._names)])

    async def ask(self, nonce: int) -> int | None:
        name = self._names[nonce % KEYS]
        match self._draw.randrange(4):
            case 0:
                return await self._client.get(name)
            case 1:
                return (await self._client.get_many([name]))[0]
            case 2:
                return (await self._client.increment_many([(name, 0, 3_600)]))[0]
            case _:
                return (await self._client.run_script(INCREMENT_MANY, [name], [0, 3_600]))[0]


async def connections_of(client: RedisClient) -> int:
    listed = await client._run(b"CLIENT", "LIST")
    assert isinstance(listed, bytes)
    return len(listed.splitlines())


async def test_every_answer_belongs_to_its_question(redis_server: RedisServer) -> None:
    async with open_redis(RedisOptions(redis_server.url, command_timeout=timedelta(seconds=5))) as observer:
        others = await connections_of(observer)
        async with open_redis(RedisOptions(redis_server.url, command_timeout=timedelta(seconds=5))) as client:
            storm = Storm(StormPlan.share(0.55), seed=7, at_once=AT_ONCE, longest_seconds=0.004)
            asker = Asker(client, storm.random)
            await asker.prepare()
            await storm.rage(asker.ask, expect=value_of)
            storm.verify()
            assert [await asker.ask(nonce) for nonce in range(KEYS)] == [value_of(nonce) for nonce in range(KEYS)]
            tell_connections("Redis", await connections_of(observer) - others)
            assert await connections_of(observer) == others + 1
        await eventually(lambda: _are(observer, others))


async def _are(client: RedisClient, count: int) -> bool:
    return await connections_of(client) == count
