"""How long each side may take, how many connections there may be, and how a worker stops."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from tests.support.http1 import Caller, World, read_body, reply, world
from tests.support.waiting import settle

GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
TICK = 0.5


class TestTime:
    async def test_silence_from_the_start_is_ended_without_a_word(self) -> None:
        there = world(head_timeout=10)
        caller = there.connect()
        await there.wait(10 - TICK)
        assert not caller.over
        await there.wait(3 * TICK)
        assert caller.transport.closed
        assert caller.received == b""
        assert there.shared.ended == {"new": 1}

    @pytest.mark.parametrize("begun", ["G", "GET / HTTP/1.1\r\nHost: x\r\nA:"])
    async def test_a_head_has_its_time_however_it_drips(self, begun: str) -> None:
        there = world(head_timeout=10)
        caller = there.connect()
        await caller.send(begun)
        for _ in range(30):
            await there.wait(TICK)
            if not caller.over:
                await caller.send("E")
        assert caller.statuses == ([408] if begun != "G" else [400])
        assert caller.over

    async def test_the_time_of_a_second_head_begins_with_its_first_byte(self) -> None:
        there = world(head_timeout=10, idle_timeout=60)
        caller = there.connect()
        await caller.send(GET)
        await there.wait(30)
        await caller.send(GET[:10])
        await there.wait(9)
        assert caller.statuses == [200]
        await there.wait(3)
        assert caller.statuses == [200, 408]
        assert there.shared.ended == {"slow_head": 1}

    async def test_an_idle_connection_is_closed(self) -> None:
        there = world(idle_timeout=60)
        caller = there.connect()
        await caller.send(GET)
        await there.wait(59)
        await caller.send(GET)
        await there.wait(59)
        assert not caller.over
        await there.wait(3)
        assert caller.transport.closed
        assert caller.statuses == [200, 200]
        assert there.shared.ended == {"idle": 1}

    async def test_a_body_that_stops_is_a_408(self) -> None:
        there = world(head_timeout=10, body_timeout=60)
        caller = there.connect()
        await caller.send(POST % 100 + '{"a')
        await there.wait(9)
        assert caller.statuses == []
        await there.wait(3)
        assert caller.statuses == [408]
        assert b"connection: close" in caller.received
        assert there.calls[0].disconnected
        assert there.shared.ended == {"slow_body": 1}

    @pytest.mark.parametrize(("pace", "statuses"), [(300, [200]), (100, [408])])
    async def test_a_body_has_a_least_pace(self, pace: int, statuses: list[int]) -> None:
        there = world(head_timeout=10, body_timeout=600, body_bytes_per_second=200)
        caller = there.connect()
        size = 30 * pace
        await caller.send(POST % size)
        for _ in range(30):
            await there.wait(1)
            if not caller.over:
                await caller.send("a" * pace)
        assert caller.statuses == statuses

    async def test_a_body_has_a_longest_time_at_any_pace(self) -> None:
        there = world(head_timeout=10, body_timeout=20)
        caller = there.connect()
        await caller.send(POST % 10_000_000)
        for _ in range(25):
            await there.wait(1)
            if not caller.over:
                await caller.send("a" * 50_000)
        assert caller.statuses == [408]

    async def test_the_clock_of_a_body_stands_while_it_is_us_who_do_not_read(self) -> None:
        there = world(head_timeout=10, body_timeout=20)
        go_on = False

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            while not go_on:
                await settle(1)
            await read_body(receive)
            await reply(send)

        there.shared.app = app
        caller = there.connect()
        await caller.send(POST % 100_000 + "a" * 90_000)
        assert not caller.transport.reading
        await there.wait(100)
        assert caller.statuses == []
        go_on = True
        await settle()
        await there.wait(5)
        await caller.send("a" * 10_000)
        assert caller.statuses == [200]

    async def test_an_application_may_take_its_time(self) -> None:
        there = world(head_timeout=1, body_timeout=1, idle_timeout=1)
        done = False

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            while not done:
                await settle(1)
            await reply(send)

        there.shared.app = app
        caller = there.connect()
        await caller.send(GET)
        await there.wait(100)
        assert not caller.over
        done = True
        await settle()
        assert caller.statuses == [200]

    async def test_the_rest_of_an_answered_body_has_its_time(self) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            await reply(send, 401)

        there = world(app)
        caller = there.connect()
        await caller.send(POST % 100)
        assert not caller.over
        await there.wait(3)
        assert caller.transport.closed
        assert caller.statuses == [401]

    async def test_one_that_was_told_to_go_has_little_time(self) -> None:
        there = world()
        caller = there.connect()
        await caller.send("broken\r\n\r\n")
        assert not caller.transport.closed
        await there.wait(3)
        assert caller.transport.closed

    @pytest.mark.parametrize("seconds", [1, 8])
    async def test_how_little_is_a_setting(self, seconds: float) -> None:
        there = world(linger_timeout=seconds)
        caller = there.connect()
        await caller.send("broken\r\n\r\n")
        await there.wait(seconds - TICK)
        assert not caller.transport.closed
        await there.wait(3 * TICK)
        assert caller.transport.closed

    @pytest.mark.parametrize("size", [0, 5_000])
    async def test_and_may_send_so_much_and_no_more(self, size: int) -> None:
        there = world(linger_bytes=size)
        caller = there.connect()
        await caller.send("broken\r\n\r\n")
        await caller.send("x" * size)
        assert not caller.transport.closed
        await caller.send("x")
        assert caller.transport.aborted
        assert there.shared.ended["linger"] == 1


class TestBodies:
    @pytest.mark.parametrize("size", [5_000, 50_000])
    async def test_so_much_is_read_ahead(self, size: int) -> None:
        there = world(body_ahead_bytes=size)
        go_on = False

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            while not go_on:
                await settle(1)
            await read_body(receive)
            await reply(send)

        there.shared.app = app
        caller = there.connect()
        await caller.send(POST % 200_000 + "a" * (size - 1_000))
        before = caller.transport.reading
        await caller.send("a" * 1_000)
        assert (before, caller.transport.reading) == (True, False)
        go_on = True
        await caller.send("a" * (200_000 - size))
        assert caller.statuses == [200]

    @pytest.mark.parametrize(("bound", "statuses"), [(2_000, [400]), (8_000, [200])])
    async def test_chunks_may_hold_so_much_that_is_no_body(self, bound: int, statuses: list[int]) -> None:
        there = world(chunk_overhead_bytes=bound)
        caller = there.connect()
        head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        await caller.send(head + "1;" + "e" * 5_000 + "\r\na\r\n0\r\n\r\n", pieces=500)
        assert caller.statuses == statuses


class TestReading:
    @staticmethod
    def large() -> World:
        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            await reply(send, 200, b"a" * 1_000_000)

        return world(app, send_timeout=30, body_bytes_per_second=100)

    async def test_a_caller_that_does_not_read_is_cut(self) -> None:
        there = self.large()
        caller = there.connect()
        caller.transport.reads = False
        await caller.send(GET)
        await there.wait(29)
        assert caller.transport.unread > 0
        assert there.shared.ended == {}
        await there.wait(3)
        assert caller.transport.aborted
        assert there.shared.ended == {"unread": 1}

    @pytest.mark.parametrize(("pace", "cut"), [(200, False), (50, True)])
    async def test_one_that_reads_slowly_is_not_but_there_is_a_least_pace(self, pace: int, cut: bool) -> None:  # noqa: FBT001 - a table
        there = self.large()
        caller = there.connect()
        caller.transport.reads = False
        await caller.send(GET)
        for _ in range(100):
            await there.wait(1)
            caller.transport.unread -= pace
        assert caller.transport.aborted is cut

    async def test_one_that_was_to_be_closed_is_cut_as_well(self) -> None:
        there = self.large()
        caller = there.connect()
        caller.transport.reads = False
        await caller.send("GET / HTTP/1.0\r\n\r\n")
        await there.wait(40)
        assert caller.transport.aborted or caller.transport.closed


class TestNumber:
    async def test_those_over_the_limit_are_told(self) -> None:
        there = world(connections_per_address=2)
        first, second, third = (there.connect() for _ in range(3))
        await settle()
        assert (first.received, second.received) == (b"", b"")
        assert third.statuses == [503]
        assert b"\r\nretry-after: 1\r\n" in third.received
        assert b"\r\nconnection: close\r\n" in third.received
        assert third.transport.half_closed
        await third.send(GET)
        assert third.statuses == [503]
        assert there.shared.ended == {"crowded": 1}
        await first.hang_up()
        assert (await there.connect().send(GET)).startswith(b"HTTP/1.1 200")

    async def test_a_trusted_proxy_counts_in_all_only(self) -> None:
        there = world(proxies=("10.0.0.0/8",), connections=5, connections_per_address=1)
        callers = [there.connect(("10.0.0.1", port)) for port in range(6)]
        await settle()
        assert [caller.statuses for caller in callers] == [[]] * 5 + [[503]]

    async def test_so_many_are_told_and_no_more(self) -> None:
        there = world(connections=1)
        there.connect()
        turned = [there.connect() for _ in range(400)]
        await settle()
        told = sum(caller.statuses == [503] for caller in turned)
        assert 200 <= told <= 300
        assert sum(caller.transport.aborted for caller in turned) == 400 - told

    async def test_nobody_is_counted_for_ever(self) -> None:
        there = world(connections=3)
        for _ in range(20):
            callers = [there.connect() for _ in range(5)]
            await settle()
            for caller in callers:
                if not caller.transport.closed:
                    await caller.hang_up()
        assert there.shared.admission.in_all == 0
        assert there.shared.open == set()


class TestParting:
    async def test_every_answer_is_the_last(self) -> None:
        there = world()
        caller = there.connect()
        await caller.send(GET)
        there.shared.parting = True
        received = await caller.send(GET)
        assert caller.statuses == [200, 200]
        assert received.endswith(b"connection: close\r\n\r\nGET / ")
        assert caller.over

    async def test_of_pipelined_ones_the_last_is(self) -> None:
        there = world()
        there.shared.parting = True
        caller = there.connect()
        received = await caller.send(GET * 3)
        assert caller.statuses == [200] * 3
        assert received.count(b"connection: close") == 1

    async def test_one_that_runs_is_not_idle(self) -> None:
        there = world()
        release = False

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            while not release:
                await settle(1)
            await reply(send)

        there.shared.app = app
        busy, idle = there.connect(), there.connect()
        await busy.send(GET)
        there.shared.parting = True
        there.shared.close_idle()
        await settle()
        assert idle.transport.closed
        assert not busy.transport.closed
        release = True
        await settle()
        assert busy.statuses == [200]
        assert busy.over

    async def test_what_does_not_end_is_cut(self) -> None:
        there = world()
        cancelled: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            try:
                while True:
                    await settle(1)
            finally:
                cancelled.append(scope["path"])

        there.shared.app = app
        caller = there.connect()
        await caller.send(GET)
        there.shared.abort()
        await settle()
        assert caller.transport.aborted
        assert cancelled == ["/"]
        assert there.shared.tasks == set()


class TestMemory:
    @staticmethod
    async def converse(there: World) -> tuple[Caller, list[weakref.ref[Any]]]:  # Any: whatever is held
        """Speak in every way there is; return what must be gone afterwards."""
        caller = there.connect()
        held: list[weakref.ref[Any]] = [weakref.ref(caller.connection)]  # Any: the same
        upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"
        await caller.send(GET + POST % 2 + "ok" + upgrade + POST % 100_000 + "a" * 100_000)
        await caller.send(POST % 10 + "half")
        return caller, held

    @pytest.mark.parametrize("end", ["hang up", "refuse", "abort"])
    async def test_a_connection_is_gone_without_the_collector(self, end: str) -> None:
        there = world()
        gc.collect()
        gc.disable()
        try:
            caller, held = await self.converse(there)
            if end == "hang up":
                await caller.hang_up()
            elif end == "refuse":
                await there.wait(100)
            else:
                caller.connection.abort("test")
            await settle()
            assert there.shared.open == set()
            there.calls.clear()
            del caller
            assert [ref() for ref in held] == [None]
        finally:
            gc.enable()
