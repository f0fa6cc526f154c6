"""What callers of the limiter notice when Redis is killed, slow, silent, full or not there. Nothing, mostly."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.support.limit_load import RealNode, ShiftedClock, load, real_node
from tests.support.limiter import MINUTE
from tests.support.proxy import proxy_to
from tests.support.redis import RedisServer
from tests.support.waiting import Stopwatch, eventually
from unkey_api.areas.ratelimit.engine.counts import StoreOperation
from unkey_api.areas.ratelimit.engine.types import Check
from unkey_api.infra.redis.client import COMMAND_TIMEOUT, RedisClient, RedisOptions, open_redis
from unkey_api.infra.resilience.breaker import BreakerState

pytestmark = pytest.mark.integration

BUDGET = COMMAND_TIMEOUT.total_seconds()
"""What the document allows a request to lose to Redis, in seconds."""
SLACK = 0.3
"""A busy machine may take this long to run a task that is ready."""


def key(node: RealNode, identifier: str) -> str:
    return f"ws-ns-{identifier}-{MINUTE}:{node.clock.now_ms() // MINUTE}"


async def counted(client: RedisClient, name: str, at_least: int = 1) -> None:
    async def holds() -> bool:
        return (await client.get(name) or 0) >= at_least

    await eventually(holds)


async def counts_again(node: RealNode, client: RedisClient) -> None:
    """Wait until what is spent reaches Redis; time runs faster meanwhile, so that the breaker's pause is soon over."""

    async def holds() -> bool:
        node.clock.advance(200)
        await node.ask("back", limit=1_000_000)
        return bool(await client.get(key(node, "back")))

    await eventually(holds)


@pytest.fixture
def server(own_redis_server: RedisServer) -> RedisServer:
    own_redis_server.start()
    return own_redis_server


async def test_killed_and_restarted_under_load(server: RedisServer) -> None:
    async with real_node(server.url) as node:
        node.clock.start_window()
        async with load(node):
            await eventually(lambda: node.asked > 200)
            server.stop()
            await eventually(lambda: BreakerState.OPEN in node.states)
            before = node.asked
            await eventually(lambda: node.asked > before + 200)
            server.start()
            node.states.clear()
            async with open_redis(RedisOptions(server.url, command_timeout=timedelta(seconds=5))) as client:
                await counts_again(node, client)
            await eventually(lambda: BreakerState.CLOSED in node.states)
    assert BreakerState.HALF_OPEN in node.states
    assert node.checks.slowest < BUDGET + SLACK


async def test_slow_redis_is_not_in_the_way_of_what_is_known(server: RedisServer) -> None:
    """A round trip of 50 ms is waited for once per counter and window, and by nobody after that."""
    async with proxy_to("127.0.0.1", server.port) as proxy, real_node(f"redis://127.0.0.1:{proxy.port}") as node:
        node.clock.start_window()
        assert await node.ask("u", limit=10_000)
        proxy.delay_seconds = 0.025
        assert await node.ask("v", limit=10_000)
        assert node.checks.longest > 0.04
        node.checks = Stopwatch(node.stalls)
        for round_number in range(4):
            for name in ("u", "v"):
                for _ in range(50):
                    assert node.limiter.try_limit_now(Check("ws", "ns", name, 10_000, MINUTE)) is not None
            await eventually(lambda: len(node.limiter.replays) == 0)
            node.clock.advance(4_000)
            assert await node.ask("u", limit=10_000), round_number
        assert BreakerState.OPEN not in node.states
        async with open_redis(RedisOptions(server.url, command_timeout=timedelta(seconds=5))) as client:
            await counted(client, key(node, "u"), 200)


async def test_silent_redis_costs_one_budget_and_then_nothing(server: RedisServer) -> None:
    async with proxy_to("127.0.0.1", server.port) as proxy, real_node(f"redis://127.0.0.1:{proxy.port}") as node:
        node.clock.start_window()
        proxy.freeze()
        await asyncio.gather(*(node.ask(f"first{number}") for number in range(50)))
        assert node.checks.longest > BUDGET - 0.05
        assert node.checks.slowest < BUDGET + SLACK
        node.checks = Stopwatch(node.stalls)
        await asyncio.gather(*(node.ask(f"second{number}") for number in range(50)))
        assert node.checks.slowest < SLACK
        proxy.thaw()
        proxy.cut()
        node.clock.advance(5_000)
        async with open_redis(RedisOptions(server.url, command_timeout=timedelta(seconds=5))) as client:
            await counts_again(node, client)


async def test_a_check_in_the_strict_time_waits_once_too(server: RedisServer) -> None:
    """The count and its confirmation are two reads, made at the same time."""
    async with proxy_to("127.0.0.1", server.port) as proxy, real_node(f"redis://127.0.0.1:{proxy.port}") as node:
        node.clock.start_window()
        assert not await node.ask("u", limit=0)
        for _ in range(3):
            await node.ask("u", limit=2)
        node.clock.advance(MINUTE)
        proxy.freeze()
        node.checks = Stopwatch(node.stalls)
        await node.ask("u", limit=100)
        assert node.checks.slowest < BUDGET + SLACK
        assert node.failures.count("timeout") <= 2


async def test_redis_out_of_memory(server: RedisServer) -> None:
    """Reads still work, writes are refused: limits hold here, nobody waits, and counting goes on by itself."""
    async with (
        open_redis(RedisOptions(server.url, command_timeout=timedelta(seconds=5))) as client,
        real_node(server.url) as node,
    ):
        node.clock.start_window()
        await client._run(b"CONFIG", "SET", "maxmemory-policy", "noeviction")
        await client._run(b"CONFIG", "SET", "maxmemory", "1")
        answers = [await node.ask("u", limit=20) for _ in range(30)]
        assert answers == [True] * 20 + [False] * 10
        await eventually(lambda: "other" in node.failures)
        assert node.checks.slowest < SLACK
        assert await client.get(key(node, "u")) is None
        await client._run(b"CONFIG", "SET", "maxmemory", "0")
        node.clock.advance(5_000)
        assert await node.ask("v")
        await counted(client, key(node, "v"))


async def test_starting_without_redis(own_redis_server: RedisServer) -> None:
    async with real_node(own_redis_server.url, start_seconds=0.05) as node:
        node.clock.start_window()
        answers = [await node.ask("u", limit=5) for _ in range(8)]
        assert answers == [True] * 5 + [False] * 3
        assert node.checks.slowest < SLACK
        own_redis_server.start()
        async with open_redis(RedisOptions(own_redis_server.url, command_timeout=timedelta(seconds=5))) as client:
            # Not even attempted, so nothing of it is lost.
            await counted(client, key(node, "u"), 5)


async def test_without_redis_each_process_admits_at_most_its_limit(own_redis_server: RedisServer) -> None:
    """The worst case: as many times the limit as there are processes, per window."""
    clock = ShiftedClock()
    clock.start_window()
    url = own_redis_server.url
    async with (
        real_node(url, clock, start_seconds=0.01) as one,
        real_node(url, clock, start_seconds=0.01) as two,
        real_node(url, clock, start_seconds=0.01) as three,
    ):
        for window in range(3):
            admitted = [sum([await node.ask("u", limit=20) for _ in range(40)]) for node in (one, two, three)]
            assert max(admitted) <= 20
            if window == 0:
                assert admitted == [20, 20, 20]
            clock.advance(MINUTE)


async def test_a_redis_that_lost_its_data_in_mid_window_admits_no_more_than_none_at_all(server: RedisServer) -> None:
    clock = ShiftedClock()
    clock.start_window()
    async with real_node(server.url, clock) as one, real_node(server.url, clock) as two:
        nodes = (one, two)
        admitted = 0
        for number in range(16):
            admitted += await nodes[number % 2].ask("u", limit=20)
            await eventually(lambda: all(len(node.limiter.replays) == 0 for node in nodes))
        server.stop()
        server.start()
        clock.advance(6_000)
        for number in range(80):
            admitted += await nodes[number % 2].ask("u", limit=20)
        assert 20 <= admitted <= 2 * 20


async def test_a_redis_that_is_silent_at_the_start_is_not_waited_for(server: RedisServer) -> None:
    """It lets connections in and says nothing: there is nothing to ask yet."""
    async with proxy_to("127.0.0.1", server.port) as proxy:
        proxy.freeze()
        async with real_node(f"redis://127.0.0.1:{proxy.port}", start_seconds=0.05) as node:
            node.clock.start_window()
            answers = [await node.ask("u", limit=5) for _ in range(8)]
            assert answers == [True] * 5 + [False] * 3
            assert node.checks.slowest < SLACK
            proxy.thaw()
            async with open_redis(RedisOptions(server.url, command_timeout=timedelta(seconds=5))) as client:
                await counted(client, key(node, "u"), 5)


async def test_windows_end_without_a_wait_while_redis_is_slow(server: RedisServer) -> None:
    """Who asks all the time is never the one who waits for the first count of a window."""
    async with proxy_to("127.0.0.1", server.port) as proxy, real_node(f"redis://127.0.0.1:{proxy.port}") as node:
        node.clock.start_window()
        assert await node.ask("u", limit=10_000)
        proxy.delay_seconds = 0.025
        for _ in range(3):
            node.clock.advance(MINUTE - 2_000)
            node.operations.clear()
            for _ in range(2):
                assert await node.ask("u", limit=10_000)
            await eventually(lambda: StoreOperation.FETCH_COLD in node.operations and not len(node.limiter.replays))
            node.clock.start_window()
            proxy.freeze()
            node.checks = Stopwatch(node.stalls)
            assert await node.ask("u", limit=10_000)
            assert node.checks.slowest < BUDGET / 2
            proxy.thaw()


async def test_every_key_expires(server: RedisServer) -> None:
    """Checked in Redis itself, for keys that were new, added to, asked about, and denied."""
    async with (
        open_redis(RedisOptions(server.url, command_timeout=timedelta(seconds=5))) as client,
        real_node(server.url) as node,
    ):
        for duration_ms in (1_000, 2_500, MINUTE, 2_592_000_000):
            for name in ("u", "v"):
                for limit in (10, 10, 1):
                    await node.ask(name, limit=limit, duration_ms=duration_ms)
        await eventually(lambda: len(node.limiter.replays) == 0)
        names = await client._run(b"KEYS", "*")
        assert isinstance(names, list | set | tuple)
        assert len(names) >= 8
        for name in names:
            seconds = await client._run(b"TTL", name)
            duration_ms = int(name.decode().rpartition(":")[0].rpartition("-")[2])
            assert isinstance(seconds, int)
            assert 0 < seconds <= 3 * duration_ms // 1_000


async def test_nobody_waits_twice_for_a_redis_that_is_slow(server: RedisServer) -> None:
    """A count that has to be read and confirmed is so in one round trip, however slow that is."""
    async with proxy_to("127.0.0.1", server.port) as proxy, real_node(f"redis://127.0.0.1:{proxy.port}") as node:
        node.clock.start_window()
        node.clock.advance(5_000)
        for _ in range(3):
            await node.ask("u", limit=2)
        node.clock.start_window()
        proxy.delay_seconds = 0.1
        node.operations.clear()
        node.checks = Stopwatch(node.stalls)
        await node.ask("u", limit=100)
        assert {StoreOperation.FETCH_COLD, StoreOperation.FETCH_STRICT} <= set(node.operations)
        assert node.checks.longest >= 0.2
        assert node.checks.slowest < BUDGET + SLACK / 3
