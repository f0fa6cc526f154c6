"""What every `CounterStore` does, in memory and in Redis."""

from __future__ import annotations

import pytest

from tests.support.counters import MemoryCounterStore
from unkey_api.areas.ratelimit.engine.store import CounterStore, Increment
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.redis.client import RedisClient
from unkey_api.infra.redis.counters import RedisCounters

BIGGEST = (1 << 63) - 1


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> CounterStore:
    if request.param == "memory":
        return MemoryCounterStore(SystemClock())
    client: RedisClient = request.getfixturevalue("redis")
    return RedisCounters(client)


@pytest.fixture
def key() -> str:
    return RandomIds().new(IdPrefix.KEY)


async def test_missing_counters_read_as_zero(store: CounterStore, key: str) -> None:
    assert await store.read_many([key, f"{key}2"]) == [0, 0]
    assert await store.read_many([]) == []


async def test_increments_add_up_and_answers_keep_their_order(store: CounterStore, key: str) -> None:
    other = f"{key}2"
    assert await store.increment_many([Increment(key, 2, 60), Increment(other, 5, 60)]) == [2, 5]
    assert await store.increment_many([Increment(other, 1, 60), Increment(key, 1, 60)]) == [6, 3]
    assert await store.read_many([other, key]) == [6, 3]


async def test_one_batch_may_name_a_counter_twice(store: CounterStore, key: str) -> None:
    assert await store.increment_many([Increment(key, 2, 60), Increment(key, 3, 60)]) == [2, 5]


async def test_adding_zero_creates_the_counter_and_reads_it(store: CounterStore, key: str) -> None:
    assert await store.increment_many([Increment(key, 0, 60)]) == [0]
    await store.increment_many([Increment(key, 4, 60)])
    assert await store.increment_many([Increment(key, 0, 60)]) == [4]


async def test_large_counts_are_exact(store: CounterStore, key: str) -> None:
    assert await store.increment_many([Increment(key, BIGGEST - 7, 60)]) == [BIGGEST - 7]
    assert await store.increment_many([Increment(key, 3, 60)]) == [BIGGEST - 4]
    assert await store.read_many([key]) == [BIGGEST - 4]


async def test_a_counter_that_would_overflow_is_left_alone_and_the_others_are_added(
    store: CounterStore, key: str
) -> None:
    await store.increment_many([Increment(key, BIGGEST, 60)])
    assert await store.increment_many([Increment(key, 1, 60), Increment(f"{key}2", 1, 60)]) == [None, 1]
    assert await store.read_many([key]) == [BIGGEST]


async def test_no_increments_are_fine(store: CounterStore) -> None:
    assert await store.increment_many([]) == []


async def test_odd_names_are_kept_apart(store: CounterStore, key: str) -> None:
    names = [f"{key}{suffix}" for suffix in ("ü", "u\u0308", " ", "\n", ":1", "-1", "\x00", "🦆")]
    await store.increment_many([Increment(name, index + 1, 60) for index, name in enumerate(names)])
    assert await store.read_many(names) == list(range(1, len(names) + 1))
