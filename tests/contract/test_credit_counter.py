"""What every `CreditCounter` does, in memory and in Redis."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.clock import FixedClock
from tests.support.counters import MemoryCreditCounter
from tests.support.waiting import eventually
from unkey_api.areas.keys.credits.ports import CreditCounter
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import IdPrefix, RandomIds
from unkey_api.infra.redis.client import CREDIT_TAKE, RedisClient
from unkey_api.infra.redis.counters import TALLY_TTL_MS, Base, RedisCredits, Taken, Tally

MINUTE_MS = 60_000
EPOCH = 1_750_000_000_000
NOTHING = Taken(0, existed=False, taken=False, epoch=0, granted=0)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
def counter(request: pytest.FixtureRequest) -> CreditCounter:
    if request.param == "memory":
        return MemoryCreditCounter(SystemClock())
    client: RedisClient = request.getfixturevalue("redis")
    return RedisCredits(client, SystemClock())


@pytest.fixture
def key() -> str:
    return RandomIds().new(IdPrefix.KEY)


def granted(value: int, tally: int) -> Taken:
    return Taken(value, existed=True, taken=True, epoch=EPOCH, granted=tally)


async def started(
    counter: CreditCounter, key: str, balance: int, *, amount: int = 0, written: int = 0, ttl_ms: int = MINUTE_MS
) -> Taken:
    """Make a copy of a balance as it was just read."""
    tally = await counter.open(key, EPOCH)
    return await counter.start(key, amount, Base(tally.epoch, tally.version, balance, written, ttl_ms))


async def test_an_unknown_balance_is_said_to_be_unknown(counter: CreditCounter, key: str) -> None:
    for amount in (1, 0):
        assert await counter.take(key, amount) == NOTHING
    await counter.open(key, EPOCH)
    assert await counter.take(key, 1) == NOTHING


async def test_takes_down_to_zero_and_never_below_and_counts_what_it_took(counter: CreditCounter, key: str) -> None:
    assert await started(counter, key, 5) == granted(5, 0)
    answers = [await counter.take(key, amount) for amount in (3, 3, 2, 0, 1)]
    assert [(answer.value, answer.taken, answer.granted) for answer in answers] == [
        (2, True, 3),
        (2, False, 3),
        (0, True, 5),
        (0, True, 5),
        (0, False, 5),
    ]
    assert await counter.tally(key) == Tally(EPOCH, 5, 0)


async def test_the_first_spend_comes_with_the_copy(counter: CreditCounter, key: str) -> None:
    assert await started(counter, key, 5, amount=3) == granted(2, 3)
    await counter.forget(key)
    assert await started(counter, key, 5, amount=6, written=3) == granted(5, 3)._replace(taken=False)


async def test_a_copy_is_less_by_what_is_not_written_yet(counter: CreditCounter, key: str) -> None:
    await started(counter, key, 100, amount=30)
    await counter.forget(key)
    assert (await started(counter, key, 90, written=10)).value == 70
    await counter.take(key, 70)
    await counter.forget(key)
    assert (await started(counter, key, 40, written=30)).value == 0, "a balance lowered meanwhile: never below zero"


async def test_a_tally_that_fell_behind_what_is_written_is_lifted(counter: CreditCounter, key: str) -> None:
    """As after a return of Redis to an older state."""
    assert await started(counter, key, 50, amount=1, written=20) == granted(49, 21)


async def test_of_two_starts_both_spend_from_one_copy(counter: CreditCounter, key: str) -> None:
    answers = await asyncio.gather(*(started(counter, key, balance, amount=2) for balance in (5, 6)))
    assert sorted(answer.granted for answer in answers) == [2, 4]


async def test_what_was_read_before_the_balance_changed_makes_no_copy(counter: CreditCounter, key: str) -> None:
    tally = await counter.open(key, EPOCH)
    await counter.forget(key)
    assert not (await counter.start(key, 1, Base(tally.epoch, tally.version, 5, 0, MINUTE_MS))).existed
    assert not (await counter.start(key, 1, Base(EPOCH + 1, tally.version + 1, 5, 0, MINUTE_MS))).existed
    assert (await started(counter, key, 9)).value == 9


async def test_a_forgotten_copy_leaves_the_tally_and_its_epoch(counter: CreditCounter, key: str) -> None:
    await started(counter, key, 5, amount=2)
    await counter.forget(key)
    await counter.forget(key)
    assert not (await counter.take(key, 1)).existed
    assert await counter.open(key, EPOCH + 7) == Tally(EPOCH, 2, 2)


async def test_forgetting_what_never_was_leaves_nothing(counter: CreditCounter, key: str) -> None:
    await counter.forget(key)
    assert await counter.tally(key) is None


async def test_large_balances_are_exact(counter: CreditCounter, key: str) -> None:
    assert (await started(counter, key, (1 << 53) + 3, amount=2)).value == (1 << 53) + 1
    await counter.forget(key)
    taken = await started(counter, key, (1 << 62) + 3, amount=1, written=1)
    assert (taken.value, taken.granted) == ((1 << 62) + 1, 3)


async def test_concurrent_takes_never_exceed_the_balance(counter: CreditCounter, key: str) -> None:
    await started(counter, key, 50)
    answers = await asyncio.gather(*(counter.take(key, 3) for _ in range(100)))
    assert sum(answer.taken for answer in answers) == 16


async def test_a_copy_runs_out(counter: CreditCounter, key: str) -> None:
    await started(counter, key, 5, ttl_ms=20)

    async def gone() -> bool:
        return not (await counter.take(key, 0)).existed

    await eventually(gone)
    assert await counter.tally(key) == Tally(EPOCH, 0, 0)


@pytest.mark.integration
async def test_a_copy_without_its_tally_is_worth_nothing(redis: RedisClient, key: str) -> None:
    counter = RedisCredits(redis, SystemClock())
    await started(counter, key, 5)
    await redis.delete(f"credits:{{{key}}}:tally")
    assert await counter.take(key, 1) == NOTHING
    assert await redis.get(f"credits:{{{key}}}") is None


@pytest.mark.integration
async def test_nothing_stays_for_ever(redis: RedisClient, key: str) -> None:
    await started(RedisCredits(redis, SystemClock()), key, 5, amount=1)
    for name, most in ((f"credits:{{{key}}}", MINUTE_MS), (f"credits:{{{key}}}:tally", TALLY_TTL_MS)):
        left = await redis._run(b"PTTL", name)
        assert isinstance(left, int)
        assert 0 < left <= most


@pytest.mark.integration
async def test_a_spend_that_redis_comes_to_too_late_takes_nothing(redis: RedisClient, key: str) -> None:
    await started(RedisCredits(redis, SystemClock()), key, 5)
    names = (f"credits:{{{key}}}", f"credits:{{{key}}}:tally")
    for deadline_ms, left in ((1, 5), (2**52, 4), (0, 3)):
        await redis.run_script(CREDIT_TAKE, names, (1, deadline_ms))
        assert await redis.get(names[0]) == left
    assert await RedisCredits(redis, SystemClock()).tally(key) == Tally(EPOCH, 2, 0)


@pytest.mark.integration
@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
async def test_a_clock_that_was_set_costs_nobody_a_spend(redis: RedisClient, key: str, step_ms: int) -> None:
    clock = FixedClock()
    counter = RedisCredits(redis, clock)
    await started(counter, key, 5)
    assert await counter.take(key, 1) == granted(4, 1)
    clock.advance(step_ms)
    assert await counter.take(key, 1) == granted(3, 2)
    assert await counter.take(key, 1) == granted(2, 3)
