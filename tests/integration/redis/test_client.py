"""The client against a real server: cancellation, silence, absence and return."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from datetime import timedelta

import pytest

from tests.support.redis import RedisServer
from tests.support.waiting import eventually
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.redis.client import CREDIT_TAKE, RedisClient, RedisOptions, open_redis
from unkey_api.infra.redis.reconnecting import ReconnectingConnection, RedisTimeout, RedisUnavailable
from unkey_api.infra.resilience.breaker import failure_reason
from unkey_api.settings.addresses.parameters import AddressError

pytestmark = pytest.mark.integration


@pytest.fixture
def key() -> str:
    return RandomIds().new(IdPrefix.KEY)


async def answers(client: RedisClient) -> bool:
    try:
        await client.ping()
    except RedisUnavailable:
        return False
    return True


async def wait_for_answer(client: RedisClient) -> None:
    await eventually(lambda: answers(client))


class TestCommands:
    async def test_values_that_are_no_numbers_read_as_none(self, redis: RedisClient, key: str) -> None:
        assert await redis.get(key) is None
        await redis.increment_many([(key, 7, 60)])
        assert await redis.get(key) == 7
        assert await redis.get_many([key, "missing"]) == [7, None]
        await redis.delete(key, "missing")
        assert await redis.get(key) is None

    async def test_a_new_counter_gets_its_time_to_live_and_an_old_one_keeps_it(
        self, redis: RedisClient, key: str
    ) -> None:
        await redis.increment_many([(key, 5, 100)])
        first = await redis._run(b"TTL", key)
        assert isinstance(first, int)
        assert 98 <= first <= 100
        await redis.increment_many([(key, 1, 5_000)])
        second = await redis._run(b"TTL", key)
        assert isinstance(second, int)
        assert second <= 100

    async def test_an_error_of_the_server_is_translated(self, redis: RedisClient, key: str) -> None:
        await redis._run(b"LPUSH", key, "x")
        with pytest.raises(RedisUnavailable, match="wrong kind"):
            await redis.get(key)
        with pytest.raises(RedisUnavailable, match="credit_take"):
            await redis.run_script(CREDIT_TAKE, (key, key), (1, 0))

    async def test_scripts_survive_a_server_that_forgot_them(self, redis: RedisClient, key: str) -> None:
        assert await redis.increment_many([(key, 1, 60)]) == [1]
        await redis._run(b"SCRIPT", "FLUSH")
        assert await redis.increment_many([(key, 1, 60)]) == [2]


class TestCancellation:
    async def test_every_answer_belongs_to_its_question_however_many_callers_leave(
        self, redis: RedisClient, key: str
    ) -> None:
        """Each caller asks for its own nonce while others are cancelled at random moments."""
        draw = random.Random(7)  # noqa: S311 - the same storm on every run
        names = [f"{key}:{number}" for number in range(200)]
        await redis.increment_many([(name, number + 1, 600) for number, name in enumerate(names)])
        wrong: list[object] = []
        answered = 0

        async def caller(number: int) -> None:
            nonlocal answered
            choice = number % 3
            if choice == 0:
                value = await redis.get(names[number])
            elif choice == 1:
                (value,) = await redis.get_many([names[number]])
            else:
                (value,) = await redis.increment_many([(names[number], 0, 600)])
            answered += 1
            if value != number + 1:
                wrong.append((number, value))

        for _ in range(60):
            tasks = [asyncio.create_task(caller(draw.randrange(200))) for _ in range(60)]
            for task in draw.sample(tasks, 40):
                for _ in range(draw.randrange(4)):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert wrong == []
        assert answered > 500
        assert await redis.get(names[0]) == 1

    async def test_a_timed_out_answer_does_not_reach_the_next_caller(self, redis_server: RedisServer, key: str) -> None:
        async with open_redis(RedisOptions(redis_server.url, command_timeout=timedelta(seconds=5))) as client:
            await client.increment_many([(f"{key}:a", 1, 60), (f"{key}:b", 2, 60)])
            slow = asyncio.create_task(client._run(b"DEBUG", "SLEEP", "0.2", seconds=0.05))
            with pytest.raises(RedisUnavailable):
                await slow
            await wait_for_answer(client)
            assert await client.get_many([f"{key}:b", f"{key}:a"]) == [2, 1]


class TestAbsence:
    async def test_starting_without_redis_works_and_the_connection_comes_later(
        self, own_redis_server: RedisServer, key: str
    ) -> None:
        async with open_redis(RedisOptions(own_redis_server.url, start_timeout=timedelta(seconds=0.05))) as client:
            with pytest.raises(RedisUnavailable, match="not connected"):
                await client.get(key)
            own_redis_server.start()
            await wait_for_answer(client)
            assert await client.increment_many([(key, 1, 60)]) == [1]

    async def test_a_server_that_goes_and_returns_is_used_again(self, own_redis_server: RedisServer, key: str) -> None:
        own_redis_server.start()
        async with open_redis(RedisOptions(own_redis_server.url)) as client:
            await client.ping()
            own_redis_server.stop()
            with pytest.raises(RedisUnavailable):
                await client.get(key)
            own_redis_server.start()
            await wait_for_answer(client)
            assert await client.increment_many([(key, 1, 60)]) == [1]

    async def test_a_frozen_server_costs_one_budget_and_then_nothing(self, own_redis_server: RedisServer) -> None:
        """A peer that went silent is given up, so that later callers fail at once until it is back."""
        own_redis_server.start()
        async with open_redis(RedisOptions(own_redis_server.url, command_timeout=timedelta(seconds=0.1))) as client:
            await client.ping()
            os.kill(own_redis_server.pid, signal.SIGSTOP)
            try:
                with pytest.raises(RedisTimeout) as caught:
                    await client.ping()
                assert failure_reason(caught.value) == "timeout"
                with pytest.raises(RedisUnavailable, match="not connected"):
                    await client.ping()
            finally:
                os.kill(own_redis_server.pid, signal.SIGCONT)
            await wait_for_answer(client)

    async def test_callers_waiting_when_the_connection_breaks_are_told(self, own_redis_server: RedisServer) -> None:
        own_redis_server.start()
        async with open_redis(RedisOptions(own_redis_server.url, command_timeout=timedelta(seconds=5))) as client:
            await client.ping()
            os.kill(own_redis_server.pid, signal.SIGSTOP)
            waiting = [asyncio.create_task(client.ping()) for _ in range(10)]
            await asyncio.sleep(0)
            own_redis_server.stop()
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(result, RedisUnavailable) for result in results)

    async def test_no_task_is_left_behind(self, redis_server: RedisServer) -> None:
        before = asyncio.all_tasks()
        async with open_redis(RedisOptions(redis_server.url)) as client:
            await client.ping()
        await eventually(lambda: asyncio.all_tasks() == before)


@pytest.mark.parametrize("url", ["", "nonsense", "http://localhost:1", "redis://", "redis://host:port"])
def test_what_is_no_redis_url_is_refused(url: str) -> None:
    with pytest.raises(AddressError):
        ReconnectingConnection(url)


async def test_closing_ends_a_handshake_that_hangs(own_redis_server: RedisServer) -> None:
    own_redis_server.start()
    os.kill(own_redis_server.pid, signal.SIGSTOP)
    connection = ReconnectingConnection(own_redis_server.url)
    connection.start()
    assert not await connection.wait_up(0.2)
    async with asyncio.timeout(1.0):
        await connection.close()
