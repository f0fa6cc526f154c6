"""Gathering, choosing a transport, losing, and what is said about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.support.bus import Air, AirTransport, Ears, Reports
from tests.support.clock import FixedClock
from tests.support.waiting import eventually, settle
from unkey_api.infra.invalidation.bus import KEEP_MS, PENDING_MAX, BroadcastBus
from unkey_api.infra.invalidation.ports import Invalidation


class Peer:
    """A process on the bus."""

    def __init__(self, origin: str, transports: list[AirTransport], clock: FixedClock) -> None:
        self.ears = Ears()
        self.reports = Reports()
        self.told: list[str] = []
        self.transports = transports
        self.bus = BroadcastBus(
            transports,
            origin=origin,
            clock=clock,
            observer=self.reports,
            on_transport=self.told.append,
            window_seconds=0.01,
        )
        self.bus.subscribe(self.ears)

    @property
    def keys(self) -> list[str | None]:
        """What it heard."""
        return [change.key for change in self.ears.heard]


class World:
    def __init__(self) -> None:
        self.clock = FixedClock()
        self.first_air, self.second_air = Air(), Air()
        self._running: list[tuple[Peer, asyncio.Task[None]]] = []

    async def peer(self, origin: str, *, first_up: bool = True, second_up: bool = True) -> Peer:
        """Start a process with two transports."""
        transports = [
            self.first_air.transport("first", up=first_up),
            self.second_air.transport("second", bytes_max=60_000, up=second_up),
        ]
        return await self.start(Peer(origin, transports, self.clock))

    async def start(self, peer: Peer) -> Peer:
        self._running.append((peer, asyncio.create_task(peer.bus.run())))
        await settle()
        return peer

    async def stop(self) -> None:
        for peer, task in self._running:
            peer.bus.close()
            await task
        self._running.clear()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.stop()


async def pair(world: World) -> tuple[Peer, Peer]:
    return await world.peer("a"), await world.peer("b")


def heard(peer: Peer, *keys: str) -> Callable[[], bool | Awaitable[bool]]:
    return lambda: sorted(map(str, peer.keys)) == sorted(keys)


class TestDelivery:
    async def test_what_one_publishes_the_others_hear_and_itself_does_not(self, world: World) -> None:
        a, b = await pair(world)
        a.bus.publish("keys", "k1")
        a.bus.publish("apis", None)
        await eventually(lambda: len(b.ears.heard) == 2)
        assert set(b.ears.heard) == {Invalidation("keys", "k1"), Invalidation("apis", None)}
        assert a.ears.heard == []
        assert a.reports.sent == {("keys", "remove"): 1, ("apis", "clear"): 1}
        assert a.reports.received == {("keys", "remove", "skipped_self"): 1, ("apis", "clear", "skipped_self"): 1}
        assert b.reports.received == {("keys", "remove", "handled"): 1, ("apis", "clear", "handled"): 1}

    async def test_changes_of_one_turn_travel_in_one_message_and_repeats_once(self, world: World) -> None:
        a, b = await pair(world)
        for key in ("k1", "k2", "k1"):
            a.bus.publish("keys", key)
        await eventually(heard(b, "k1", "k2"))
        assert len(a.transports[0].sent) == 1

    async def test_an_unknown_cache_is_skipped(self, world: World) -> None:
        a, b = await pair(world)
        a.bus.publish("of a newer version", "k1")
        await eventually(lambda: b.reports.received[("of a newer version", "remove", "skipped_unknown")] == 1)

    async def test_a_key_that_cannot_be_read_is_counted_and_harms_nothing(self, world: World) -> None:
        a, b = await pair(world)
        b.ears.failure = ValueError("no key")
        a.bus.publish("keys", "k1")
        await eventually(lambda: b.reports.received[("keys", "remove", "error")] == 1)
        b.ears.failure = None
        a.bus.publish("keys", "k2")
        await eventually(heard(b, "k2"))

    async def test_noise_on_the_channel_harms_nothing(self, world: World) -> None:
        a, b = await pair(world)
        b.transports[0].deliver(b"\xff\xff\xff")
        a.bus.publish("keys", "k1")
        await eventually(heard(b, "k1"))

    async def test_delivery_is_timed_from_the_change(self, world: World) -> None:
        a, b = await pair(world)
        for peer in (a, b):
            for transport in peer.transports:
                transport.switch(up=False)
        a.bus.publish("keys", "k1")
        world.clock.advance(1_500)
        b.transports[1].switch(up=True)
        a.transports[1].switch(up=True)
        await eventually(heard(b, "k1"))
        assert b.reports.delays == [("second", 1.5)]

    async def test_a_change_too_long_for_the_way_is_given_up_and_counted(self, world: World) -> None:
        a, b = await pair(world)
        a.bus.publish("keys", "x" * 1_000)
        a.bus.publish("keys", "k1")
        await eventually(heard(b, "k1"))
        assert a.reports.errors == {"first": 1}

    async def test_what_is_pending_goes_out_before_the_end(self, world: World) -> None:
        a, b = await pair(world)
        a.bus.publish("keys", "k1")
        a.bus.close()
        await eventually(heard(b, "k1"))


class TestWays:
    async def test_the_first_way_is_preferred(self, world: World) -> None:
        a, _ = await pair(world)
        a.bus.publish("keys", "k1")
        await eventually(lambda: len(a.transports[0].sent) == 1)
        assert a.transports[1].sent == []
        assert a.told[-1] == "first"

    async def test_the_second_is_taken_while_the_first_is_away_and_the_reason_is_told(self, world: World) -> None:
        a, b = await pair(world)
        a.transports[0].switch(up=False)
        assert a.told[-1] == "second; first is not available: switched off"
        a.bus.publish("keys", "k1")
        await eventually(heard(b, "k1"))
        a.transports[0].switch(up=True)
        assert a.told[-1] == "first"
        assert a.reports.up == {"first": True, "second": True}

    async def test_without_any_way_everything_stays_local_and_is_told_so(self, world: World) -> None:
        a = await world.peer("a", first_up=False, second_up=False)
        a.bus.publish("keys", "k1")
        expected = "local; first is not available: switched off; second is not available: switched off"
        assert a.told[-1] == expected
        assert a.bus.transport == "local"

    async def test_a_message_the_first_way_did_not_take_goes_the_second(self, world: World) -> None:
        a, b = await pair(world)
        a.transports[0].refuses = 1
        a.bus.publish("keys", "k1")
        await eventually(heard(b, "k1"))
        assert len(a.transports[1].sent) == 1
        assert a.reports.errors == {"first": 1}

    async def test_waiting_for_the_preferred_way_ends_either_way(self, world: World) -> None:
        a = await world.peer("a", first_up=False)
        assert not await a.bus.wait_preferred(0.01)
        waiting = asyncio.ensure_future(a.bus.wait_preferred(5))
        await settle()
        a.transports[0].switch(up=True)
        assert await waiting

    async def test_a_bus_without_channels_keeps_everything_to_itself(self, world: World) -> None:
        alone = await world.start(Peer("a", [], world.clock))
        alone.bus.publish("keys", "k1")
        assert alone.told == ["local"]
        assert await alone.bus.wait_preferred(0)


class TestBounds:
    async def test_changes_wait_for_a_way_up_to_a_bound_the_oldest_give_way(self, world: World) -> None:
        a, b = await world.peer("a", first_up=False, second_up=False), await world.peer("b")
        for number in range(PENDING_MAX + 2):
            a.bus.publish("keys", f"k{number}")
        assert a.reports.errors == {"local": 2}
        a.transports[1].switch(up=True)
        await eventually(lambda: len(b.keys) == PENDING_MAX)
        assert not {"k0", "k1"} & set(b.keys)

    async def test_changes_that_waited_too_long_are_not_told_any_more(self, world: World) -> None:
        """The caches of the others have asked the database themselves by then."""
        a, b = await world.peer("a", first_up=False, second_up=False), await world.peer("b")
        a.bus.publish("keys", "old")
        world.clock.advance(KEEP_MS + 1)
        a.bus.publish("keys", "young")
        a.transports[0].switch(up=True)
        await eventually(heard(b, "young"))
        assert a.reports.errors == {"first": 1}
