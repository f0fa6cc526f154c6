"""What every `InvalidationBus` does: alone, over Redis and over gossip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.support.bus import Ears, Reports
from tests.support.redis import RedisServer
from tests.support.serf import channel_to, cluster, needs_serf
from tests.support.waiting import eventually
from unkey_api.core.clock import SystemClock
from unkey_api.infra.invalidation.bus import BroadcastBus
from unkey_api.infra.invalidation.ports import Invalidation, InvalidationBus, Transport
from unkey_api.infra.invalidation.redis_transport import RedisTransport

Transports = Callable[[int], list[Transport]]
"""Channels of the process with this number."""


class Node:
    """A process on the bus."""

    def __init__(self, number: int, transports: list[Transport]) -> None:
        self.ears, self.reports = Ears(), Reports()
        self.bus = BroadcastBus(transports, origin=f"node-{number}", clock=SystemClock(), observer=self.reports)
        self.port: InvalidationBus = self.bus
        self.port.subscribe(self.ears)

    @property
    def keys(self) -> set[str | None]:
        return {change.key for change in self.ears.heard}


@asynccontextmanager
async def nodes(transports: Transports, count: int) -> AsyncIterator[list[Node]]:
    """Run processes until the block is left."""
    made = [Node(number, transports(number)) for number in range(count)]
    async with AsyncExitStack() as stack:
        for node in made:
            task = asyncio.create_task(node.bus.run())
            stack.push_async_callback(_ended, node.bus, task)
        for node in made:
            assert await node.bus.wait_preferred(30), node.bus.transport
        yield made


async def _ended(bus: BroadcastBus, task: asyncio.Task[None]) -> None:
    bus.close()
    async with asyncio.timeout(20):
        await task


@asynccontextmanager
async def _over_redis(server: RedisServer) -> AsyncIterator[Transports]:
    yield lambda _: [RedisTransport(server.url)]


@asynccontextmanager
async def _over_gossip() -> AsyncIterator[Transports]:
    async with cluster(2) as agents:
        # Two of the three processes share a host, and so an agent.
        yield lambda number: [channel_to(agents[number % 2])]


@asynccontextmanager
async def _alone() -> AsyncIterator[Transports]:
    yield lambda _: []


def _hears(node: Node, keys: set[str]) -> Callable[[], bool]:
    return lambda: node.keys == keys


REDIS = pytest.param("redis", marks=pytest.mark.integration)
GOSSIP = pytest.param("gossip", marks=[pytest.mark.integration, needs_serf])


@pytest.fixture
async def transports(request: pytest.FixtureRequest) -> AsyncIterator[Transports]:
    match request.param:
        case "redis":
            opened = _over_redis(request.getfixturevalue("redis_server"))
        case "gossip":
            opened = _over_gossip()
        case _:
            opened = _alone()
    async with opened as found:
        yield found


every = pytest.mark.parametrize("transports", ["local", REDIS, GOSSIP], indirect=True)
shared = pytest.mark.parametrize("transports", [REDIS, GOSSIP], indirect=True)


@every
async def test_publishing_never_waits_never_fails_and_is_not_heard_by_oneself(transports: Transports) -> None:
    async with nodes(transports, 1) as (node,):
        for number in range(100):
            node.port.publish("keys", f"k{number}")
        node.port.publish("keys", "x" * 100_000)
    assert node.ears.heard == []


@shared
async def test_every_other_process_hears_what_one_publishes(transports: Transports) -> None:
    async with nodes(transports, 3) as made:
        for number, node in enumerate(made):
            node.port.publish("keys", f"k{number}")
        for number, node in enumerate(made):
            others = {f"k{other}" for other in range(3) if other != number}
            await eventually(_hears(node, others))


@shared
async def test_clearing_travels_like_removing(transports: Transports) -> None:
    async with nodes(transports, 2) as (a, b):
        a.port.publish("apis", None)
        await eventually(lambda: b.ears.heard == [Invalidation("apis", None)])


@shared
async def test_a_burst_arrives_in_messages_the_way_can_carry(transports: Transports) -> None:
    async with nodes(transports, 2) as (a, b):
        keys = {f"{number:044}" for number in range(100)}
        for key in keys:
            a.port.publish("keys", key)
        await eventually(lambda: b.keys == keys, within_seconds=20)
        # The way may deliver before it tells the sender that it took the message.
        await eventually(lambda: sum(a.reports.sent.values()) == 100)
        assert a.reports.errors == {}


@shared
async def test_any_text_is_a_key(transports: Transports) -> None:
    async with nodes(transports, 2) as (a, b):
        keys = {"", "ws_1:na me", "ü\x00\n", "😀" * 20}
        for key in keys:
            a.port.publish("keys", key)
        await eventually(lambda: b.keys == keys)
