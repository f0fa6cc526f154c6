"""How answers are written, and what becomes of the connection after them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.support.http1 import World, read_body, reply, world
from tests.support.waiting import settle

GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
LARGE = 1_000_000


def answering(*events: dict[str, Any]) -> World:  # Any: ASGI's own type
    """A worker whose application sends these events."""

    async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
        for event in events:
            await send(dict(event))

    return world(app)


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:  # Any: ASGI's own type
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:  # Any: ASGI's own type
    return {"type": "http.response.body", "body": data, "more_body": more}


async def test_an_answer_is_one_write() -> None:
    caller = answering(start(201, (b"x-a", b"1"), (b"content-length", b"2")), body(b"ok")).connect()
    await caller.send(GET)
    [written] = caller.transport.written
    assert written == (
        b"HTTP/1.1 201 Created\r\ndate: Sun, 15 Jun 2025 15:06:40 GMT\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nok"
    )


async def test_the_date_moves_with_the_clock() -> None:
    there = world()
    await there.wait(3)
    assert b"date: Sun, 15 Jun 2025 15:06:43 GMT\r\n" in await there.connect().send(GET)


async def test_a_length_is_added() -> None:
    assert (await answering(start(), body(b"ok")).connect().send(GET)).endswith(b"content-length: 2\r\n\r\nok")
    assert (await answering(start(), body()).connect().send(GET)).endswith(b"content-length: 0\r\n\r\n")


async def test_a_body_in_parts_is_chunked_and_its_head_comes_with_the_first() -> None:
    there = answering(start(), body(b"one", more=True), body(more=True), body(b"two", more=True), body(b"end"))
    caller = there.connect()
    assert (await caller.send(GET)).endswith(
        b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n3\r\nend\r\n0\r\n\r\n"
    )
    assert not caller.over


async def test_a_body_in_parts_of_a_known_length_is_not_chunked() -> None:
    there = answering(start(200, (b"content-length", b"6")), body(b"one", more=True), body(b"two"))
    assert (await there.connect().send(GET)).endswith(b"content-length: 6\r\n\r\nonetwo")


async def test_http_1_0_reads_a_body_in_parts_until_the_end() -> None:
    caller = answering(start(), body(b"one", more=True), body(b"two")).connect()
    received = await caller.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert received.endswith(b"connection: close\r\n\r\nonetwo")
    assert caller.transport.closed


@pytest.mark.parametrize("status", [204, 304])
async def test_some_statuses_have_no_body(status: int) -> None:
    caller = answering(start(status), body(b"ignored")).connect()
    assert (await caller.send(GET)).endswith(b"GMT\r\n\r\n")
    assert not caller.over


async def test_head_is_answered_without_a_body() -> None:
    caller = answering(start(200, (b"content-length", b"5")), body(b"hello")).connect()
    received = await caller.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert received.count(b"content-length: 5\r\n\r\n") == 2
    assert b"hello" not in received


async def test_head_is_answered_without_chunks() -> None:
    caller = answering(start(), body(b"hello", more=True), body(b"you")).connect()
    assert (await caller.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"GMT\r\n\r\n")
    assert not caller.over


@pytest.mark.parametrize(
    "events",
    [
        [start(200, (b"x", b"a\r\nset-cookie: b")), body()],
        [start(200, (b"x", b"a\nb")), body()],
        [start(200, (b"x", b"a\rb")), body()],
        [start(200, (b"x", b"a\0b")), body()],
        [start(200, (b"x\r\ny", b"a")), body()],
        [start(200, (b"x y", b"a")), body()],
        [start(200, (b"", b"a")), body()],
        [start(200, (b"content-length", b"3")), body(b"four")],
        [start(200, (b"content-length", b"-4")), body(b"four", more=True)],
        [start(101), body()],
        [start(99), body()],
        [body(b"no head")],
        [{"type": "http.response.push"}],
        [],
    ],
)
async def test_an_answer_that_cannot_be_written_is_a_500(
    events: list[dict[str, Any]],  # Any: ASGI's own type
    caplog: pytest.LogCaptureFixture,
) -> None:
    caller = answering(*events).connect()
    with caplog.at_level(logging.ERROR, "unkey_api.server"):
        received = await caller.send(GET)
    assert caller.statuses == [500]
    assert b"set-cookie" not in received
    assert caller.over
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "events",
    [
        [start(200, (b"content-length", b"4")), body(b"t", more=True), body(b"wo")],
        [start(200, (b"content-length", b"4")), body(b"too", more=True), body(b"much")],
        [start(200), body(b"half", more=True)],
        [start(200), body(b"half", more=True), start(200)],
    ],
)
async def test_half_an_answer_is_cut(
    events: list[dict[str, Any]],  # Any: ASGI's own type
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An end in peace would make the caller take it for a whole one."""
    caller = answering(*events).connect()
    with caplog.at_level(logging.ERROR, "unkey_api.server"):
        await caller.send(GET)
    assert caller.transport.aborted
    assert caller.statuses in ([], [200])
    assert len(caplog.records) == 1


async def test_an_application_that_raises_is_a_500_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
        await send(start())
        raise ValueError("the cause")

    caller = world(app).connect()
    await caller.send(GET)
    assert caller.statuses == [500]
    assert b"the cause" not in caller.received
    assert caplog.records[0].exc_info is not None


async def test_a_second_answer_is_a_mistake(caplog: pytest.LogCaptureFixture) -> None:
    caller = answering(start(), body(b"ok"), body(b"more")).connect()
    await caller.send(GET)
    assert caller.received.endswith(b"ok")
    assert "the application failed" in caplog.text


class TestConnection:
    @pytest.mark.parametrize(
        ("head", "kept"),
        [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
            ("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n", False),
            ("GET / HTTP/1.0\r\n\r\n", False),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        ],
    )
    async def test_it_is_kept_when_the_caller_wants_that(self, head: str, kept: bool) -> None:  # noqa: FBT001 - a table
        caller = answering(start(), body(b"ok")).connect()
        received = await caller.send(head)
        assert caller.over is not kept
        assert (b"connection: close" in received) is not kept

    async def test_nothing_is_read_after_the_last_request(self) -> None:
        caller = answering(start(), body(b"ok")).connect()
        await caller.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GET + "rubbish")
        assert caller.statuses == [200]
        assert caller.transport.closed

    async def test_an_application_may_end_it(self) -> None:
        caller = answering(start(200, (b"connection", b"close")), body(b"ok")).connect()
        received = await caller.send(GET + GET)
        assert caller.statuses == [200]
        assert received.count(b"connection: close") == 1
        assert caller.over


class TestPipelining:
    async def test_answers_come_in_order_and_one_at_a_time(self) -> None:
        there = world()
        running, most = 0, 0

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            nonlocal running, most
            running += 1
            most = max(most, running)
            await settle(2)
            running -= 1
            await reply(send, 200, scope["raw_path"])

        there.shared.app = app
        caller = there.connect()
        await caller.send("".join(f"GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n" for n in range(50)))
        await settle(500)
        found = [part.rpartition(b"/")[2] for part in caller.received.split(b"HTTP/1.1 200 OK")[1:]]
        assert found == [b"%d" % n for n in range(50)]
        assert most == 1

    async def test_what_comes_ahead_is_not_read(self) -> None:
        """Otherwise a caller could make a worker hold any number of requests."""
        there = world()
        waiting: list[Any] = []  # Any: what the application was given

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            waiting.append(send)
            assert (await receive())["type"] == "http.request"
            await receive()

        there.shared.app = app
        caller = there.connect()
        await caller.send(GET * 1_000)
        assert len(waiting) == 1
        assert not caller.transport.reading
        await reply(waiting[0])
        await settle()
        assert len(waiting) == 2

    async def test_a_broken_request_is_refused_after_the_answers_before_it(self) -> None:
        there = world()

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            await settle(3)
            await reply(send)

        there.shared.app = app
        caller = there.connect()
        await caller.send(GET + GET + "broken\r\n\r\n" + GET)
        await settle(50)
        assert caller.statuses == [200, 200, 400]
        assert caller.over


class TestBody:
    async def test_one_that_nobody_reads_is_not_taken_in(self) -> None:
        there = world()
        held: list[Any] = []  # Any: what the application was given

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            held.append((receive, send))
            while len(held) < 2:
                await settle(1)
            data, _ = await read_body(receive)
            await reply(send, 200, b"%d" % len(data))

        there.shared.app = app
        caller = there.connect()
        await caller.send(POST % LARGE)
        sent = 0
        while caller.transport.reading and sent < LARGE:
            await caller.send(b"b" * 10_000)
            sent += 10_000
        assert sent <= 70_000, "the high-water mark and one segment"
        held.append(None)
        for _ in range((LARGE - sent) // 10_000):
            await settle()
            assert caller.transport.reading
            await caller.send(b"b" * 10_000)
        assert caller.received.endswith(b"%d" % LARGE)

    async def test_100_is_sent_once_the_application_reads(self) -> None:
        there = world()
        caller = there.connect()
        await caller.send((POST % 2).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"))
        assert caller.received == b"HTTP/1.1 100 Continue\r\n\r\n"
        await caller.send("ok")
        assert caller.statuses == [100, 200]
        assert there.calls[0].body == b"ok"
        assert not caller.over

    @pytest.mark.parametrize("come_along", ["ok", "o"])
    async def test_100_is_not_sent_for_a_body_that_came_along(self, come_along: str) -> None:
        caller = world().connect()
        await caller.send((POST % 2).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n") + come_along)
        await caller.send("ok"[len(come_along) :])
        assert caller.statuses == [200]

    async def test_100_is_not_sent_when_the_application_does_not_read(self) -> None:
        """Whether the body comes now is for the caller to say, so nothing may follow on this connection."""
        caller = answering(start(401), body(b"no")).connect()
        received = await caller.send((POST % 2).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"))
        assert caller.statuses == [401]
        assert b"connection: close" in received
        await caller.send(GET)
        assert caller.statuses == [401]

    async def test_http_1_0_knows_no_100(self) -> None:
        caller = world().connect()
        await caller.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert caller.received == b""

    async def test_the_small_rest_of_one_that_was_answered_is_skipped(self) -> None:
        caller = answering(start(401), body(b"no")).connect()
        await caller.send(POST % 30_000 + "a" * 100)
        assert caller.statuses == [401]
        await caller.send("a" * 29_900 + GET)
        assert caller.statuses == [401, 401]
        assert not caller.over

    @pytest.mark.parametrize("head", [POST % LARGE, GET.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n")])
    async def test_a_large_or_unknown_rest_ends_the_connection_after_the_answer(self, head: str) -> None:
        caller = answering(start(401), body(b"no")).connect()
        received = await caller.send(head)
        assert b"connection: close" in received
        assert caller.transport.half_closed
        assert not caller.transport.closed, "or the kernel would reset it, and the answer might never be read"
        for _ in range(30):
            await caller.send(b"a" * 10_000 + GET.encode())
        assert caller.statuses == [401]
        assert not caller.transport.closed
        for _ in range(100):
            await caller.send(b"a" * 10_000)
        assert caller.transport.closed, "not for ever"

    async def test_a_broken_body_is_refused_in_place_of_the_answer(self) -> None:
        there = world()
        caller = there.connect()
        await caller.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await caller.send("zz\r\n" + GET)
        assert caller.statuses == [400]
        assert there.calls[0].disconnected


class TestLeaving:
    async def test_the_application_hears_of_it(self) -> None:
        there = world()
        caller = there.connect()
        await caller.send(POST % 10 + "half")
        await caller.hang_up()
        assert [(call.body, call.disconnected) for call in there.calls] == [(b"half", True)]
        assert there.shared.open == set()

    async def test_one_that_waits_for_it_hears_of_it(self) -> None:
        heard: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            await read_body(receive)
            heard.append((await receive())["type"])
            await reply(send)  # nobody hears it, and that is no failure

        there = world(app)
        caller = there.connect()
        await caller.send(POST % 2 + "ok")
        assert heard == []
        await caller.hang_up()
        assert heard == ["http.disconnect"]
        assert caller.received == b""

    async def test_what_was_answered_in_the_same_turn_still_goes_out(self) -> None:
        caller = answering(start(), body(b"ok")).connect()
        caller.connection.data_received(GET.encode())
        await settle(2)
        await caller.hang_up()
        assert caller.statuses == [200]

    async def test_after_the_answer_receive_says_that_it_is_over(self) -> None:
        heard: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            await reply(send)
            heard.append((await receive())["type"])

        await world(app).connect().send(GET)
        assert heard == ["http.disconnect"]


class TestReading:
    async def test_an_application_waits_for_a_caller_that_does_not_read(self) -> None:
        sent = 0

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            nonlocal sent
            await send(start())
            for _ in range(100):
                await send(body(b"a" * 10_000, more=True))
                sent += 1
            await send(body())

        caller = world(app).connect()
        caller.transport.reads = False
        await caller.send(GET)
        assert 5 <= sent <= 14
        caller.read_all()
        await settle(500)
        assert sent == 100

    async def test_pipelined_requests_wait_for_it_as_well(self) -> None:
        calls = 0

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            nonlocal calls
            calls += 1
            await reply(send, 200, b"a" * 50_000)

        caller = world(app).connect()
        caller.transport.reads = False
        await caller.send(GET * 100)
        assert calls < 5
        caller.read_all()
        await settle(500)
        assert calls == 100
