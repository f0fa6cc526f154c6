"""Losing Redis and finding it again."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.contract.test_invalidation_bus import Node, nodes
from tests.support.redis import RedisServer
from tests.support.waiting import eventually
from unkey_api.infra.invalidation.redis_transport import RedisTransport

pytestmark = pytest.mark.integration


async def test_a_redis_that_restarts_is_found_again_and_what_waited_goes_out(own_redis_server: RedisServer) -> None:
    own_redis_server.start()
    async with nodes(lambda _: [RedisTransport(own_redis_server.url)], 2) as (a, b):
        own_redis_server.stop()
        await eventually(lambda: a.bus.transport == b.bus.transport == "local")
        a.port.publish("keys", "while away")
        own_redis_server.start()
        await eventually(lambda: a.bus.transport == b.bus.transport == "redis")
        a.port.publish("keys", "afterwards")
        await eventually(lambda: "afterwards" in b.keys)
        assert a.reports.up == {"redis": True}


async def test_a_redis_that_stops_answering_is_given_up(own_redis_server: RedisServer) -> None:
    own_redis_server.start()
    async with nodes(lambda _: [RedisTransport(own_redis_server.url)], 1) as (a,):
        os.kill(own_redis_server.pid, signal.SIGSTOP)
        try:
            a.port.publish("keys", "k1")
            await eventually(lambda: a.bus.transport == "local")
        finally:
            os.kill(own_redis_server.pid, signal.SIGCONT)
        await eventually(lambda: a.bus.transport == "redis", within_seconds=20)


async def test_a_redis_that_was_never_there_holds_nothing_up(own_redis_server: RedisServer) -> None:
    node = Node(1, [RedisTransport(own_redis_server.url)])
    running = asyncio.create_task(node.bus.run())
    assert not await node.bus.wait_preferred(0.05)
    node.port.publish("keys", "k1")
    assert node.bus.transport == "local"
    node.bus.close()
    async with asyncio.timeout(5):
        await running
