"""Nobody has the event loop to himself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.clock import FixedClock
from tests.support.http1 import PEER, world
from tests.support.waiting import settle
from unkey_api.server.turns import Share, Turns

GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SMALL = ("192.0.2.200", 50_000)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def turns(clock: FixedClock) -> Turns:
    return Turns(clock)


def noting(done: list[str], name: str, work: Callable[[], None] = lambda: None) -> Callable[[], None]:
    def resume() -> None:
        done.append(name)
        work()

    return resume


async def test_who_has_used_up_its_share_waits_and_others_do_not(turns: Turns) -> None:
    assert turns.may_go("large")
    turns.spend("large", 0.5)
    assert not turns.may_go("large")
    assert turns.may_go("small")
    await settle(1)
    assert turns.may_go("large"), "the next turn has shares of its own"


async def test_nobody_overtakes_in_its_own_line(turns: Turns) -> None:
    done: list[str] = []
    turns.spend("large", 0.5)
    turns.wait("large", noting(done, "first"))
    turns.wait("large", noting(done, "second"))
    assert not turns.may_go("large")
    await settle(2)
    assert done == ["first", "second"]
    assert turns.may_go("large")


async def test_lines_are_served_in_turn_and_for_a_moment_only(turns: Turns, clock: FixedClock) -> None:
    done: list[str] = []
    for party in ("a", "b"):
        for number in range(3):
            turns.wait(party, noting(done, f"{party}{number}", lambda: clock.advance(3)))
    order = ["a0", "b0", "a1", "b1", "a2", "b2"]
    for number in range(1, len(order) + 1):
        await settle(1)
        assert done == order[:number]
        assert turns.may_go("a") == (number >= 5), "nobody overtakes those of its own who wait"


async def test_what_a_piece_wants_next_is_for_the_next_turn(turns: Turns) -> None:
    done: list[str] = []

    def again() -> None:
        turns.wait("large", noting(done, "large", again))

    again()
    for number in range(1, 4):
        await settle(1)
        assert len(done) == number


async def test_what_is_only_begun_counts_as_it_was_promised(turns: Turns) -> None:
    done: list[str] = []
    for number in range(4):
        turns.wait("large", noting(done, str(number)), seconds=0.001)
    await settle(1)
    assert done == ["0", "1"]


async def test_those_without_a_name_have_shares_of_their_own(turns: Turns) -> None:
    one, other = Share(turns, ""), Share(turns, "")
    one.spend(0.5)
    waiting = asyncio.ensure_future(one.turn())
    async with asyncio.timeout(10):
        await other.turn()
        assert not waiting.done()
        await waiting


async def test_one_that_gave_up_keeps_nobody_waiting(turns: Turns) -> None:
    broken: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: broken.append(context))
    share = Share(turns, "large")
    share.spend(0.5)
    first, second = asyncio.ensure_future(share.turn()), asyncio.ensure_future(share.turn())
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(10):
        await second
    assert broken == []


class PassingClock(FixedClock):
    """Every look at it takes a millisecond, and so does whatever is timed."""

    def monotonic(self) -> float:
        self.advance(1)
        return super().monotonic()


async def test_a_caller_with_many_connections_is_served_a_few_at_a_time() -> None:
    """Fifty at once would be a turn of fifty milliseconds for everybody."""
    there = world()
    passing = PassingClock()
    there.shared.turns, there.shared.monotonic = Turns(passing), passing.monotonic
    many = [there.connect((PEER[0], 1_000 + number)) for number in range(50)]
    for each in many:
        each.connection.data_received(GET.encode())
    await settle(4)
    assert 0 < len(there.calls) < 10
    small = there.connect(SMALL)
    small.connection.data_received(GET.encode())
    await settle(2)
    assert small.statuses == [200], "at once, in front of all who wait"
    assert len(there.calls) < 15
    await settle(200)
    assert len(there.calls) == 51
    assert all(each.statuses == [200] for each in [*many, small])


async def test_what_waits_in_line_is_neither_late_nor_idle() -> None:
    there = world(head_timeout=10)
    caller = there.connect()
    there.shared.turns.spend(PEER[0], 1.0)
    caller.connection.data_received(GET[:-2].encode())
    there.clock.advance(600_000)
    there.shared.tick()
    there.shared.close_idle()
    assert not caller.over
    await caller.send("\r\n")
    assert caller.statuses == [200]


async def test_one_that_left_while_it_waited_is_not_served() -> None:
    there = world()
    caller = there.connect()
    there.shared.turns.spend(PEER[0], 1.0)
    caller.connection.data_received(GET.encode())
    caller.connection.connection_lost(None)
    await settle()
    assert there.calls == []
    assert there.shared.admission.in_all == 0
