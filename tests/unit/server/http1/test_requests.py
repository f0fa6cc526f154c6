"""What is a request, what is none, and that no byte of a body is ever taken for one."""

from __future__ import annotations

import pytest

from tests.support.http1 import world
from tests.support.waiting import settle

GET = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD_BYTES = 2_048


def post(body: str, *fields: str, version: str = "1.1", host: str = "Host: x") -> str:
    return "\r\n".join([f"POST /p HTTP/{version}", host, *fields, f"Content-Length: {len(body)}", "", body])


def chunked(*chunks: str, fields: tuple[str, ...] = (), trailers: str = "") -> str:
    body = "".join(f"{len(each):x}\r\n{each}\r\n" for each in chunks)
    head = "\r\n".join(["POST /p HTTP/1.1", "Host: x", *fields, "Transfer-Encoding: chunked", "", ""])
    return f"{head}{body}0\r\n{trailers}\r\n"


async def test_the_application_sees_the_request() -> None:
    there = world()
    await there.connect().send(
        "POST /a%2Fb%20c/../d?q=%31&r HTTP/1.1\r\nHost: x\r\nX-One: 1 \r\nx-one: 2\r\nContent-Length: 2\r\n\r\nhi"
    )
    [call] = there.calls
    scope = call.scope
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a/b c/../d", b"/a%2Fb%20c/../d")
    assert scope["query_string"] == b"q=%31&r"
    assert scope["headers"] == [(b"host", b"x"), (b"x-one", b"1"), (b"x-one", b"2"), (b"content-length", b"2")]
    assert (scope["client"], scope["server"]) == (("192.0.2.1", 50_000), ("198.51.100.1", 7070))
    assert (scope["type"], scope["http_version"], scope["scheme"], call.body) == ("http", "1.1", "http", b"hi")


@pytest.mark.parametrize("pieces", [0, 1, 2, 3, 7, 50])
async def test_a_request_may_come_in_any_pieces(pieces: int) -> None:
    there = world()
    caller = there.connect()
    await caller.send(post("body") + chunked("one", "two") + GET, pieces=pieces)
    assert [(call.scope["method"], call.body) for call in there.calls] == [
        ("POST", b"body"),
        ("POST", b"onetwo"),
        ("GET", b""),
    ]
    assert caller.statuses == [200, 200, 200]
    assert not caller.over


REFUSED = {
    "both lengths": (
        400,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "both lengths, turned": (
        400,
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
    ),
    "the same length twice": (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    "a list of lengths": (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc"),
    "a signed length": (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc"),
    "a length beyond all": (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
    "an empty length": (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nabc"),
    "another coding": (501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "an unknown coding": (501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "chunked twice": (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "chunks in HTTP/1.0": (400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "bare LF": (400, "GET / HTTP/1.1\nHost: x\n\n"),
    "a bare LF in the head": (400, "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"),
    "a bare CR in the head": (400, "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n"),
    "a space before the colon": (400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
    "a NUL": (400, "GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n"),
    "a folded line": (400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"),
    "a space before the first field": (400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
    "a name with a space": (400, "GET / HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n"),
    "a field without a name": (400, "GET / HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n"),
    "no Host": (400, "GET / HTTP/1.1\r\nA: b\r\n\r\n"),
    "two Hosts": (400, "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
    "two Hosts in HTTP/1.0": (400, "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"),
    "a Host with a space": (400, "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"),
    "a Host with a path": (400, "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"),
    "a chunk size in another notation": (
        400,
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
    ),
    "a chunk size beyond all": (
        400,
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    ),
    "a negative chunk size": (
        400,
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
    ),
    "a chunk longer than it says": (
        400,
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx0\r\n\r\n",
    ),
    "a chunk ended by LF": (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n"),
    "a length in the trailers": (
        400,
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
    ),
    "another version": (400, "GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
    "version 2 in words": (505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
    "no version": (505, "GET /\r\n\r\n"),
    "HTTP/2 by prior knowledge": (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "an unknown method": (400, "FETCH / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a method in lower case": (400, "get / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "letters beyond ASCII in the target": (400, "GET /\xe4 HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a control character in the target": (400, "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a fragment": (400, "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a target without a slash": (400, "GET a HTTP/1.1\r\nHost: x\r\n\r\n"),
    "another scheme": (400, "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    "an asterisk for GET": (400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
    "CONNECT": (501, "CONNECT a:1 HTTP/1.1\r\nHost: x\r\nContent-Length: 34\r\n\r\n" + GET),
    "another expectation": (417, post("x", "Expect: a-miracle")),
    "a TLS hello": (400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
}


@pytest.mark.parametrize("pieces", [0, 1])
@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_request_is_refused_once_and_ends_the_connection(name: str, pieces: int) -> None:
    there = world()
    caller = there.connect()
    status, data = REFUSED[name]
    await caller.send(data + GET + GET, pieces=pieces)
    assert caller.statuses == [status]
    assert b"\r\nconnection: close\r\n" in caller.received
    assert caller.over
    assert [call for call in there.calls if not call.disconnected] == [], "no application may have worked on it"


@pytest.mark.parametrize("pieces", [0, 1, 5])
@pytest.mark.parametrize("protocol", ["h2c", "websocket", "foo", "TLS/1.0"])
@pytest.mark.parametrize("form", ["length", "chunks", "none"])
async def test_an_offer_to_change_the_protocol_is_ignored(form: str, protocol: str, pieces: int) -> None:
    """The body stays a body, and what follows it stays the next request."""
    offer = ("Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: AAMAAABk")
    request, body = {
        "length": (post(GET, *offer), GET),
        "chunks": (chunked(GET, GET, fields=offer), GET + GET),
        "none": ("\r\n".join(["GET /n HTTP/1.1", "Host: x", *offer, "", ""]), ""),
    }[form]
    there = world()
    caller = there.connect()
    await caller.send(request + request + GET, pieces=pieces)
    assert [call.body for call in there.calls] == [body.encode(), body.encode(), b""]
    assert caller.statuses == [200, 200, 200]
    assert not caller.over


@pytest.mark.parametrize("fields", [(), ("Connection: Upgrade", "Upgrade: foo")])
async def test_a_request_inside_of_a_body_is_not_run(fields: tuple[str, ...]) -> None:
    there = world()
    caller = there.connect()
    head, _, body = post(GET * 3, *fields).partition("\r\n\r\n")
    await caller.send(head + "\r\n\r\n")
    await caller.send(body)
    assert [call.body.decode() for call in there.calls] == [GET * 3]
    assert caller.statuses == [200]


async def test_a_target_for_a_proxy_is_served_as_ours() -> None:
    there = world()
    await there.connect().send(
        "GET http://x:1/a?b HTTP/1.1\r\nHost: x:1\r\n\r\nGET http://x HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert [(c.scope["path"], c.scope["query_string"]) for c in there.calls] == [("/a", b"b"), ("/", b"")]


async def test_an_asterisk_is_the_server_itself() -> None:
    there = world()
    await there.connect().send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
    assert there.calls[0].scope["path"] == "*"


async def test_trailers_are_dropped() -> None:
    there = world()
    caller = there.connect()
    await caller.send(chunked("a", trailers="Authorization: Bearer x\r\nHost: y\r\n") + GET)
    assert [dict(call.scope["headers"]).get(b"authorization") for call in there.calls] == [None, None]
    assert caller.statuses == [200, 200]


async def test_extensions_of_chunks_are_ignored() -> None:
    there = world()
    await there.connect().send(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0;c\r\n\r\n"
    )
    assert there.calls[0].body == b"x"


@pytest.mark.parametrize("pieces", [0, 1, 999])
async def test_a_head_has_a_largest_size(pieces: int) -> None:
    start, end = "GET / HTTP/1.1\r\nHost: x\r\nA: ", "\r\n\r\n"
    room = HEAD_BYTES - len(start) - len(end)
    there = world(head_bytes=HEAD_BYTES)
    fits, large = there.connect(), there.connect()
    await fits.send(start + "a" * room + end, pieces=pieces)
    await large.send(start + "a" * (room + 20) + end, pieces=pieces)
    assert (fits.statuses, large.statuses) == ([200], [431])
    assert b"larger than 2048 bytes" in large.received
    assert (fits.over, large.over) == (False, True)


@pytest.mark.parametrize(
    ("start", "status"),
    [("GET / HTTP/1.1\r\nHost: x\r\nA: ", 431), ("GET / HTTP/1.1\r\nHost: x\r\n", 431), ("GET /", 414), ("\r\n", 431)],
)
async def test_a_head_without_end_is_refused_as_it_comes(start: str, status: int) -> None:
    there = world(head_bytes=HEAD_BYTES)
    caller = there.connect()
    filler = {"GET / HTTP/1.1\r\nHost: x\r\n": "A: b\r\n", "\r\n": "\r\n"}.get(start, "aaaaaa")
    await caller.send(start)
    sent = 0
    while not caller.over and sent < 100 * HEAD_BYTES:
        await caller.send(filler * 10)
        sent += 10 * len(filler)
    assert caller.statuses == [status]
    assert sent <= HEAD_BYTES + 60


async def test_a_head_has_a_largest_number_of_fields() -> None:
    there = world(head_fields=10)
    fits, many = there.connect(), there.connect()
    await fits.send("GET / HTTP/1.1\r\nHost: x\r\n" + "A: b\r\n" * 9 + "\r\n")
    await many.send("GET / HTTP/1.1\r\nHost: x\r\n" + "A: b\r\n" * 10 + "\r\n")
    assert (fits.statuses, many.statuses) == ([200], [431])
    assert b"more than 10 header fields" in many.received


async def test_a_head_behind_a_body_in_the_same_segment_is_measured_as_well() -> None:
    there = world(head_bytes=HEAD_BYTES)
    fits, large = there.connect(), there.connect()
    body = "b" * 3 * HEAD_BYTES
    await fits.send(post(body) + "GET / HTTP/1.1\r\nHost: x\r\nA: " + "a" * 1_000 + "\r\n\r\n")
    await large.send(post(body) + "GET / HTTP/1.1\r\nHost: x\r\nA: " + "a" * HEAD_BYTES + "\r\n\r\n")
    assert (fits.statuses, large.statuses) == ([200, 200], [200, 431])


async def test_trailers_are_bounded_in_number_and_size() -> None:
    there = world()
    for trailers in ("T: u\r\n" * 101, "T: " + "u" * 40_000 + "\r\n"):
        caller = there.connect()
        await caller.send(chunked("a", trailers=trailers), pieces=1_000)
        assert caller.statuses[-1] in (400, 431)
        assert caller.over
        assert len(caller.statuses) == 1


async def test_extensions_of_chunks_are_bounded() -> None:
    there = world()
    caller = there.connect()
    await caller.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + "a" * 40_000, pieces=1_000)
    assert caller.statuses == [400]
    assert b"mostly something else" in caller.received


async def test_a_body_in_small_chunks_is_fine() -> None:
    there = world()
    caller = there.connect()
    await caller.send(chunked(*["x"] * 20_000), pieces=4_000)
    assert caller.statuses == [200]
    assert there.calls[0].body == b"x" * 20_000


async def test_a_body_of_tiny_chunks_is_taken_in_several_turns() -> None:
    there = world()
    slow, quick = there.connect(), there.connect()
    slow.connection.data_received(chunked(*["x"] * 100_000).encode())
    quick.connection.data_received(GET.encode())
    await settle(3)
    assert (slow.statuses, quick.statuses) == ([], [200])
    assert not slow.transport.reading
    await settle(100)
    assert slow.statuses == [200]
    assert len(there.calls[0].body) == 100_000
