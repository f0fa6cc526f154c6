"""Callers that mean harm on the HTTP/2 port, and those who share a connection with them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import PingFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame
from unkey_proto.unkey.apis.v2.apis_pb import GetApiRequest, GetApiResponse

from tests.support.harness import Harness
from tests.support.raw_http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Fields,
    RawHttp2,
    head_frames,
    raw_frame,
    raw_http2,
    request_fields,
)
from tests.support.waiting import eventually
from unkey_api.server.http2.listener import FLOODS_PER_ADDRESS, Http2Listener
from unkey_api.server.http2.meter import FLOOD_FACTOR
from unkey_api.server.http2.streams import UNREAD_BYTES
from unkey_api.server.sockets import bind_workers
from unkey_api.settings.limits import LimitSettings

pytestmark = pytest.mark.integration

LARGE = 4_000_000
SECOND = timedelta(seconds=1)
HOST = "127.0.0.1"


class App:
    """Echoes; on some paths it does otherwise."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.left = 0
        self.release = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # Any: the types of ASGI
        self.begun.append(scope["path"])
        if scope["path"] == "/unread":
            await self.release.wait()
        body, more = b"", True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.left += 1
                return
            body += event.get("body", b"")
            more = event.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/large":
            body = b"x" * LARGE
        await send({"type": "http.response.body", "body": body})


class Serving:
    """A listener and how to reach it."""

    def __init__(self, listener: Http2Listener, app: App, port: int) -> None:
        self.listener = listener
        self.app = app
        self.port = port

    def connect(self, **options: Any) -> Any:  # an asynchronous context manager
        """Connect to it."""
        return raw_http2(HOST, self.port, **options)


@asynccontextmanager
async def serving(**limits: Any) -> AsyncIterator[Serving]:
    """Serve with these limits instead of the defaults."""
    app = App()
    async with listening(app, **limits) as (listener, port):
        try:
            yield Serving(listener, app, port)
        finally:
            app.release.set()


@asynccontextmanager
async def listening(app: Any, **limits: Any) -> AsyncIterator[tuple[Http2Listener, int]]:
    """Serve an application with these limits instead of the defaults."""
    [sockets] = bind_workers(HOST, http_port=0, http2_port=0, workers=1)
    kept = LimitSettings(**limits)
    listener = Http2Listener(app, sockets.http1, budget=timedelta(seconds=2), tls=None, limits=kept)
    await listener.start()
    try:
        yield listener, sockets.http1.getsockname()[1]
    finally:
        await listener.drain()


async def still_served(connection: RawHttp2) -> None:
    """Assert that an ordinary request on this connection is answered."""
    answer = await connection.answer(connection.request(b"/fine", b"hello"))
    assert (answer.status, answer.body) == (200, b"hello")


def with_field(name: bytes, value: bytes) -> Fields:
    return request_fields(b"/", (name, value))


def replacing(name: bytes, value: bytes | None) -> Fields:
    """Return an ordinary head with another pseudo-header, or without it."""
    fields = [(n, value if n == name else v) for n, v in request_fields()]
    return [(n, v) for n, v in fields if v is not None]


BAD_HEADS: dict[str, tuple[Fields, int]] = {
    "raw bytes in the path": (replacing(b":path", "/ä".encode()), 400),
    "latin-1 in the path": (replacing(b":path", b"/\xe4"), 400),
    "raw bytes in the query": (replacing(b":path", b"/?\xff"), 400),
    "a blank in the path": (replacing(b":path", b"/a b"), 400),
    "a control character in the path": (replacing(b":path", b"/\x01"), 400),
    "an empty path": (replacing(b":path", b""), 400),
    "a path without a slash": (replacing(b":path", b"v2/liveness"), 400),
    "a whole address as path": (replacing(b":path", b"http://other/"), 400),
    "no path": (replacing(b":path", None), 400),
    "raw bytes in the method": (replacing(b":method", "PÖST".encode()), 400),
    "a blank in the method": (replacing(b":method", b"POST /x"), 400),
    "a long method": (replacing(b":method", b"M" * 1_000), 400),
    "no method": (replacing(b":method", None), 400),
    "raw bytes in the authority": (replacing(b":authority", b"\xff\xfe"), 400),
    "a long authority": (replacing(b":authority", b"a" * 5_000), 400),
    "no authority": (replacing(b":authority", None), 400),
    "raw bytes in the scheme": (replacing(b":scheme", b"h\xfftp"), 400),
    "no scheme": (replacing(b":scheme", None), 400),
    "CONNECT": ([(b":method", b"CONNECT"), (b":authority", b"test")], 501),
    "WebSocket": ([*replacing(b":method", b"CONNECT"), (b":protocol", b"websocket")], 501),
    "a pseudo-header twice": ([*request_fields()[:1], *request_fields()], 400),
    "a pseudo-header behind others": ([*with_field(b"a", b"b"), (b":path", b"/")], 400),
    "an unknown pseudo-header": ([(b":what", b"x"), *request_fields()], 400),
    "a pseudo-header of answers": ([(b":status", b"200"), *request_fields()], 400),
    "two hosts": (with_field(b"host", b"other"), 400),
    "capital letters in a name": (with_field(b"X-Capital", b"1"), 400),
    "raw bytes in a name": (with_field(b"x-\xff", b"1"), 400),
    "no name": (with_field(b"", b"1"), 400),
    "a line break in a value": (with_field(b"x", b"a\r\nb: c"), 400),
    "a zero byte in a value": (with_field(b"x", b"a\0b"), 400),
    "blanks around a value": (with_field(b"x", b" a"), 400),
    "connection": (with_field(b"connection", b"close"), 400),
    "transfer-encoding": (with_field(b"transfer-encoding", b"chunked"), 400),
    "upgrade": (with_field(b"upgrade", b"h2c"), 400),
    "te": (with_field(b"te", b"gzip"), 400),
    "a length that is none": (with_field(b"content-length", b"-1"), 400),
    "a length of many digits": (with_field(b"content-length", b"1" * 5_000), 400),
    "two lengths": ([*with_field(b"content-length", b"1"), (b"content-length", b"2")], 400),
    "too many fields": (request_fields(b"/", *[(b"x-%d" % n, b"") for n in range(101)]), 431),
    "too large a field": (with_field(b"x", b"a" * 33_000), 431),
    "too much in all": (request_fields(b"/", *[(b"x-%d" % n, b"a" * 1_000) for n in range(40)]), 431),
    "too long a path": (replacing(b":path", b"/" + b"a" * 40_000), 431),
}


class TestHeads:
    @pytest.mark.parametrize("kind", BAD_HEADS)
    async def test_a_bad_head_gets_an_answer_of_its_own(self, kind: str) -> None:
        fields, status = BAD_HEADS[kind]
        async with serving() as service, service.connect() as connection:
            before = connection.request(b"/unread", b"a")
            await connection.ping()
            refused = [connection.head(fields, end=True), connection.head(fields, end=False)]
            await still_served(connection)
            for stream in refused:
                assert (await connection.answer(stream)).status == status
            service.app.release.set()
            assert (await connection.answer(before)).status == 200
            assert service.app.begun == ["/unread", "/fine"]

    async def test_a_body_behind_a_bad_head_is_ignored(self) -> None:
        async with serving() as service, service.connect() as connection:
            for _ in range(20):
                stream = connection.head(replacing(b":path", b"/\xff"), end=False)
                connection.data(stream, b"x" * 60_000)
                await connection.ping()
            await still_served(connection)

    async def test_limits_are_advertised(self) -> None:
        async with serving(head_bytes=20_000, streams_per_connection=17) as service, service.connect() as connection:
            await still_served(connection)
            assert connection.settings[SettingsFrame.MAX_HEADER_LIST_SIZE] == 20_000
            assert connection.settings[SettingsFrame.MAX_CONCURRENT_STREAMS] == 17

    async def test_methods_reach_the_application_as_they_are(self) -> None:
        async with serving() as service, service.connect() as connection:
            for method in (b"get", b"PURGE", b"M-SEARCH"):
                stream = connection.head(request_fields(b"/m", method=method))
                assert (await connection.answer(stream)).status == 200


def frames_on(stream: int) -> dict[str, bytes]:
    """Return what is wrong on a stream alone."""
    return {
        "a window update of nothing": raw_frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 0)),
        "a window beyond its bound": WindowUpdateFrame(stream, 2**31 - 1).serialize(),
        "a priority of wrong size": raw_frame(PRIORITY, 0, stream, b"abc"),
        "a stream that depends on itself": raw_frame(PRIORITY, 0, stream, struct.pack(">IB", stream, 1)),
        "trailers that end nothing": raw_frame(HEADERS, END_HEADERS, stream, b"\x00\x01a\x01b"),
        "trailers with a pseudo-header": raw_frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x82"),
    }


class TestBrokenStreams:
    @pytest.mark.parametrize("kind", frames_on(1))
    async def test_a_mistake_resets_its_stream_alone(self, kind: str) -> None:
        async with serving() as service, service.connect() as connection:
            other = connection.request(b"/unread", b"a")
            stream = connection.head(request_fields(b"/broken"), end=False)
            await connection.ping()
            connection.write(frames_on(stream)[kind])
            assert (await connection.answer(stream)).reset is not None
            await still_served(connection)
            service.app.release.set()
            assert (await connection.answer(other)).status == 200
            assert service.app.left == 1

    @pytest.mark.parametrize(
        "after", [raw_frame(DATA, 0, 1, b"x"), raw_frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01a\x01b")]
    )
    async def test_frames_behind_the_end_reset_the_stream_alone(self, after: bytes) -> None:
        async with serving() as service, service.connect() as connection:
            await connection.answer(connection.request(b"/first", b""))
            connection.write(after)
            await connection.ping()
            await still_served(connection)

    @pytest.mark.parametrize(("told", "sent"), [(5, 3), (3, 5), (5, 0)])
    async def test_a_body_of_another_length_resets_its_stream_alone(self, told: int, sent: int) -> None:
        async with serving() as service, service.connect() as connection:
            stream = connection.head(request_fields(b"/", (b"content-length", b"%d" % told)), end=False)
            connection.data(stream, b"x" * sent)
            assert (await connection.answer(stream)).reset == ErrorCodes.PROTOCOL_ERROR
            await still_served(connection)

    async def test_a_head_that_ends_without_its_body_is_refused(self) -> None:
        async with serving() as service, service.connect() as connection:
            stream = connection.head(request_fields(b"/", (b"content-length", b"5")), end=True)
            assert (await connection.answer(stream)).reset == ErrorCodes.PROTOCOL_ERROR
            await still_served(connection)

    async def test_more_streams_than_allowed_are_refused_and_the_others_go_on(self) -> None:
        async with serving(streams_per_connection=5) as service, service.connect() as connection:
            streams = [connection.request(b"/unread", b"") for _ in range(8)]
            for stream in streams[5:]:
                assert (await connection.answer(stream)).reset == ErrorCodes.REFUSED_STREAM
            service.app.release.set()
            assert [(await connection.answer(stream)).status for stream in streams[:5]] == [200] * 5
            await still_served(connection)

    async def test_a_body_nobody_reads_stops_no_other(self) -> None:
        """More than the windows of stream and connection hold is sent beside it."""
        async with serving() as service, service.connect() as connection:
            stuck = connection.head(request_fields(b"/unread"), end=False)
            connection.data(stuck, b"x" * 65_000, end=False)
            for _ in range(20):
                answer = await connection.answer(connection.request(b"/", b"y" * 30_000))
                assert answer.body == b"y" * 30_000
            updated = sum(size for number, size in connection.window_updates if number == stuck)
            assert updated == 0, "the application has not asked for it"

    async def test_bodies_nobody_reads_are_bounded_together(self) -> None:
        async with serving() as service, service.connect() as connection:
            for _ in range(40):
                connection.data(connection.head(request_fields(b"/unread"), end=False), b"x" * 30_000, end=False)
            await eventually(lambda: connection.closed)  # it did not keep to the window of the connection
            assert sum(size for number, size in connection.window_updates if number == 0) <= UNREAD_BYTES


def resets(connection: RawHttp2, number: int) -> None:
    """HEADERS and RST_STREAM, over and over."""
    for _ in range(number):
        stream = connection.head(request_fields(b"/unread"), end=True)
        connection.write(RstStreamFrame(stream, error_code=8).serialize())


def provoked_resets(connection: RawHttp2, number: int) -> None:
    """Have the server reset what it has begun to work on."""
    for _ in range(number):
        stream = connection.head(request_fields(b"/unread"), end=False)
        connection.write(WindowUpdateFrame(stream, 2**31 - 1).serialize())


def bad_heads(connection: RawHttp2, number: int) -> None:
    for _ in range(number):
        connection.head(replacing(b":path", b"/\xff"))


def refused_streams(connection: RawHttp2, number: int) -> None:
    for _ in range(number + 100):
        connection.head(request_fields(b"/unread"), end=True)


def repeated(frame: bytes) -> Callable[[RawHttp2, int], None]:
    def flood(connection: RawHttp2, number: int) -> None:
        connection.write(frame * number)

    return flood


def empty_data(connection: RawHttp2, number: int) -> None:
    stream = connection.head(request_fields(b"/"), end=False)
    connection.write(raw_frame(DATA, 0, stream, b"") * number)


def tiny_data(connection: RawHttp2, number: int) -> None:
    stream = connection.head(request_fields(b"/"), end=False)
    connection.write(raw_frame(DATA, 0, stream, b"x") * number)


def data_on_a_closed_stream(connection: RawHttp2, number: int) -> None:
    stream = connection.head(replacing(b":path", b"/\xff"), end=False)
    connection.write(raw_frame(DATA, 0, stream, b"") * number)


STREAM_FLOODS = {each.__name__: each for each in (resets, provoked_resets, bad_heads, refused_streams)}
FRAME_FLOODS = {
    "pings": repeated(PingFrame(0, opaque_data=b"12345678").serialize()),
    "settings": repeated(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65_535}).serialize()),
    "priorities": repeated(raw_frame(PRIORITY, 0, 1_001, struct.pack(">IB", 0, 1))),
    "unknown frames": repeated(raw_frame(0xEE, 0, 0, b"")),
    "window updates": repeated(WindowUpdateFrame(0, 1).serialize()),
    "acknowledged pings": repeated(raw_frame(PING, 1, 0, b"12345678")),
    "acknowledged settings": repeated(raw_frame(SETTINGS, 1, 0, b"")),
    "resets of nothing": repeated(raw_frame(RST_STREAM, 0, 1_001, struct.pack(">I", 8))),
    "empty data": empty_data,
    "tiny data": tiny_data,
    "data on a closed stream": data_on_a_closed_stream,
}


class TestFloods:
    @pytest.mark.parametrize("kind", STREAM_FLOODS)
    async def test_a_flood_of_streams_is_told_to_go_and_the_others_are_answered(self, kind: str) -> None:
        async with serving() as service, service.connect() as connection:
            other = connection.request(b"/unread", b"mine")
            await connection.ping()
            STREAM_FLOODS[kind](connection, 150)
            await connection.until(lambda: connection.goaway is not None)
            assert connection.goaway is not None
            assert connection.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
            begun = len(service.app.begun)
            service.app.release.set()
            assert (await connection.answer(other)).body == b"mine"
            await eventually(lambda: connection.closed)
            assert begun <= 1 + 101 + LimitSettings().streams_per_connection

    @pytest.mark.parametrize("kind", FRAME_FLOODS)
    async def test_a_flood_of_frames_is_told_to_go_and_the_others_are_answered(self, kind: str) -> None:
        async with serving() as service, service.connect() as connection:
            other = connection.request(b"/unread", b"mine")
            await connection.ping()
            FRAME_FLOODS[kind](connection, 1_500)
            await connection.until(lambda: connection.goaway is not None)
            service.app.release.set()
            assert (await connection.answer(other)).body == b"mine"

    @pytest.mark.parametrize("kind", [*STREAM_FLOODS, *FRAME_FLOODS])
    async def test_who_goes_on_is_cut(self, kind: str) -> None:
        async with serving(stream_resets=10, control_frames=100) as service, service.connect() as connection:
            flood = STREAM_FLOODS.get(kind) or FRAME_FLOODS[kind]
            flood(connection, 100 * FLOOD_FACTOR * 2)
            await eventually(lambda: connection.closed)
            service.app.release.set()
            await eventually(lambda: service.listener.connections == 0)

    async def test_what_is_cancelled_in_the_same_breath_is_never_begun(self) -> None:
        async with serving() as service, service.connect() as connection:
            pairs = [head_frames(n, connection.encoder.encode(request_fields()), end=True) for n in range(1, 101, 2)]
            reset = [RstStreamFrame(n, error_code=8).serialize() for n in range(1, 101, 2)]
            connection.write(*(b"".join([*pair, reset[n]]) for n, pair in enumerate(pairs)))
            await connection.ping()
            assert len(service.app.begun) < 5, "a pair may be cut in two by where a packet ends"

    async def test_an_address_that_floods_over_and_over_is_turned_away(self) -> None:
        async with serving(control_frames=100) as service, service.connect(source="127.0.0.9") as other:
            for _ in range(FLOODS_PER_ADDRESS):
                async with service.connect() as connection:
                    FRAME_FLOODS["pings"](connection, 500)
                    await eventually(lambda: connection.closed)
            await eventually(lambda: service.listener.ended["flood"] == FLOODS_PER_ADDRESS)
            async with service.connect() as barred:
                await eventually(lambda: barred.closed)
            assert service.listener.ended["barred"] == 1
            await still_served(other)

    async def test_an_ordinary_client_that_cancels_now_and_then_is_not_told_to_go(self) -> None:
        async with serving() as service, service.connect() as connection:
            for number in range(300):
                stream = connection.request(b"/", b"x" * number)
                if number % 4 == 0:
                    await connection.ping()
                    connection.write(RstStreamFrame(stream, error_code=8).serialize())
                else:
                    await connection.answer(stream)
            assert connection.goaway is None

    async def test_many_requests_with_pings_are_no_flood(self) -> None:
        async with serving(control_frames=100) as service, service.connect() as connection:
            for _ in range(300):
                answer = connection.request(b"/", b"small")
                await connection.ping()
                assert (await connection.answer(answer)).status == 200
            assert connection.goaway is None


class TestHeaderBlocks:
    async def test_a_block_without_end_ends_the_connection(self) -> None:
        async with serving() as service, service.connect() as connection:
            connection.write(raw_frame(HEADERS, 0, 1, b"\x82"))
            connection.write(*[raw_frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 300)] * 200)
            await eventually(lambda: connection.closed)

    async def test_empty_continuations_end_the_connection(self) -> None:
        async with serving() as service, service.connect() as connection:
            connection.write(raw_frame(HEADERS, 0, 1, b"\x82"), raw_frame(CONTINUATION, 0, 1, b"") * 200)
            await eventually(lambda: connection.closed)

    async def test_a_bomb_ends_the_connection(self) -> None:
        """One field of 4 kB in the table, and then each byte stands for it."""
        async with serving() as service, service.connect() as connection:
            block = connection.encoder.encode([*request_fields(), (b"x", b"a" * 3_900)]) + b"\xbe" * 12_000
            connection.write(raw_frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
            await eventually(lambda: connection.closed)

    async def test_a_block_of_table_sizes_ends_the_connection(self) -> None:
        async with serving() as service, service.connect() as connection:
            connection.write(raw_frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x20" * 16_000))
            await eventually(lambda: connection.closed)

    async def test_a_frame_longer_than_allowed_ends_the_connection_before_it_has_arrived(self) -> None:
        async with serving() as service, service.connect() as connection:
            connection.write(b"\xff\xff\xff\x00\x00\x00\x00\x00\x01")
            await eventually(lambda: connection.closed)

    async def test_a_table_of_the_client_does_not_grow_ours(self) -> None:
        options = {"settings": {SettingsFrame.HEADER_TABLE_SIZE: 2**31 - 1}}
        async with serving() as service, service.connect(**options) as connection:
            await still_served(connection)
            [each] = service.listener._connections
            assert each.streams is not None
            assert each.streams.connection.encoder.header_table_size <= 4_096

    async def test_unknown_settings_are_not_kept(self) -> None:
        async with serving() as service, service.connect() as connection:
            entries = b"".join(struct.pack(">HI", code, 1) for code in range(0x100, 0x100 + 2_000))
            connection.write(raw_frame(SETTINGS, 0, 0, entries))
            await still_served(connection)
            [each] = service.listener._connections
            assert each.streams is not None
            assert len(each.streams.connection.remote_settings) < 20


class TestSilence:
    @pytest.mark.parametrize("said", [b"", b"PRI", PREFACE[:20], PREFACE + b"\x00\x00", PREFACE + b"\x00\x00\x06\x04"])
    async def test_a_connection_that_says_too_little_is_closed(self, said: bytes) -> None:
        async with serving(head_timeout=SECOND) as service:
            reader, writer = await asyncio.open_connection(HOST, service.port)
            writer.write(said)
            try:
                async with asyncio.timeout(20):
                    while await reader.read(1_000):
                        pass
            except ConnectionError:
                pass
            writer.close()
            await eventually(lambda: service.listener.connections == 0)

    async def test_half_a_head_is_closed(self) -> None:
        async with serving(head_timeout=SECOND) as service, service.connect() as connection:
            connection.write(raw_frame(HEADERS, 0, 1, b"\x82"))
            await eventually(lambda: connection.closed)

    async def test_a_body_that_does_not_come_is_a_408_and_nothing_to_others(self) -> None:
        async with serving(head_timeout=SECOND) as service, service.connect() as connection:
            silent = connection.head(request_fields(b"/"), end=False)
            assert (await connection.answer(silent)).status == 408
            await still_served(connection)
            assert service.app.left == 1

    async def test_a_body_that_trickles_is_a_408(self) -> None:
        async with serving(head_timeout=SECOND) as service, service.connect() as connection:
            slow = connection.head(request_fields(b"/"), end=False)
            while not connection.streams[slow].over:
                connection.data(slow, b"x" * 20, end=False)
                await connection.ping()
                await asyncio.sleep(0.2)  # the pace is the attack; the end of the stream is what is waited for
            assert connection.streams[slow].status == 408

    async def test_a_body_the_application_does_not_ask_for_is_not_blamed_on_the_client(self) -> None:
        async with serving(head_timeout=SECOND) as service, service.connect() as connection:
            waiting = connection.head(request_fields(b"/unread"), end=False)
            connection.data(waiting, b"x" * 10_000, end=False)
            silent = connection.head(request_fields(b"/"), end=False)
            assert (await connection.answer(silent)).status == 408
            assert not connection.streams[waiting].over
            service.app.release.set()
            connection.data(waiting, b"y", end=True)
            assert (await connection.answer(waiting)).status == 200

    async def test_a_connection_without_requests_is_told_to_go_and_closed(self) -> None:
        async with serving(idle_timeout=SECOND) as service, service.connect() as connection:
            await still_served(connection)
            await eventually(lambda: connection.closed)
            assert connection.goaway is not None
            assert connection.goaway.error_code == ErrorCodes.NO_ERROR


class TestSlowReaders:
    async def test_a_closed_window_resets_the_stream_alone(self) -> None:
        options = {"settings": {SettingsFrame.INITIAL_WINDOW_SIZE: 0}}
        async with serving(send_timeout=SECOND) as service, service.connect(**options) as connection:
            stuck = connection.request(b"/large", b"")
            assert (await connection.answer(stuck)).reset == ErrorCodes.CANCEL
            connection.write(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65_535}).serialize())
            await still_served(connection)

    async def test_a_window_opened_byte_by_byte_resets_the_stream(self) -> None:
        options = {"settings": {SettingsFrame.INITIAL_WINDOW_SIZE: 0}}
        async with serving(send_timeout=SECOND) as service, service.connect(**options) as connection:
            connection.give_back = False
            stuck = connection.request(b"/large", b"")
            while not connection.streams[stuck].over:
                connection.write(WindowUpdateFrame(stuck, 1).serialize())
                await connection.ping()
                await asyncio.sleep(0.1)  # the pace is the attack; the end of the stream is what is waited for
            assert connection.streams[stuck].reset == ErrorCodes.CANCEL

    async def test_a_window_of_one_byte_is_a_flood(self) -> None:
        options = {"settings": {SettingsFrame.INITIAL_WINDOW_SIZE: 1}}
        async with serving(control_frames=100) as service, service.connect(**options) as connection:
            connection.request(b"/large", b"")
            await eventually(lambda: connection.closed)

    async def test_a_socket_nobody_reads_is_cut(self) -> None:
        async with serving(send_timeout=SECOND) as service:
            reader, writer = await asyncio.open_connection(HOST, service.port, limit=1_000)
            connection = RawHttp2(reader, writer)
            wide = {SettingsFrame.INITIAL_WINDOW_SIZE: 2**31 - 1}
            connection.write(PREFACE, SettingsFrame(0, settings=wide).serialize())
            connection.write(WindowUpdateFrame(0, 2**30).serialize())
            for _ in range(20):
                connection.head(request_fields(b"/large", method=b"GET"))
            await eventually(lambda: bool(service.app.begun))
            await eventually(lambda: service.listener.connections == 0, within_seconds=30)
            writer.transport.abort()

    async def test_a_whole_answer_arrives_at_whoever_reads(self) -> None:
        async with serving() as service, service.connect() as connection:
            answer = await connection.answer(connection.request(b"/large", b""))
            assert len(answer.body) == LARGE


class TestNumbers:
    async def test_an_address_holds_so_many_connections(self) -> None:
        async with serving(connections_per_address=3) as service, AsyncExitStack() as stack:
            held = [await stack.enter_async_context(service.connect()) for _ in range(3)]
            for connection in held:
                await still_served(connection)
            further = await stack.enter_async_context(service.connect())
            await eventually(lambda: further.closed)
            await still_served(await stack.enter_async_context(service.connect(source="127.0.0.9")))
            await held[0].close()
            await eventually(lambda: service.listener.admission.in_all == 3)
            await still_served(await stack.enter_async_context(service.connect()))

    async def test_what_is_no_http2_is_told_so(self) -> None:
        async with serving() as service:
            reader, writer = await asyncio.open_connection(HOST, service.port)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 505 ")
            writer.close()


class TestGoodbyeOfTheClient:
    async def test_its_running_requests_are_answered(self) -> None:
        async with serving() as service, service.connect() as connection:
            waiting = connection.request(b"/unread", b"late")
            connection.write(raw_frame(7, 0, 0, struct.pack(">II", 0, 0)))
            await connection.ping()
            service.app.release.set()
            assert (await connection.answer(waiting)).body == b"late"
            await eventually(lambda: connection.closed)


def streams_that_say_nothing(connection: RawHttp2) -> None:
    """Open streams and say nothing more on them."""
    for _ in range(40):
        connection.head(request_fields(VERIFY), end=False)


def bodies_without_end(connection: RawHttp2) -> None:
    for _ in range(3):
        connection.data(connection.head(request_fields(VERIFY), end=False), b"x" * 15_000, end=False)


def heads_that_are_none(connection: RawHttp2) -> None:
    for fields, _ in BAD_HEADS.values():
        connection.head(fields, end=True)


def broken_streams(connection: RawHttp2) -> None:
    for kind in frames_on(1):
        stream = connection.head(request_fields(VERIFY), end=False)
        connection.write(frames_on(stream)[kind])


def broken_messages(connection: RawHttp2) -> None:
    """What claims to be gRPC and is not."""
    for body in (b"", b"\0\0\0", b"\0\xff\xff\xff\xffx", b"\1\0\0\0\1x", b"\0\0\0\0\1\xff", b"{}"):
        connection.data(connection.head(request_fields(VERIFY, *GRPC), end=False), body)


def resets_within_the_bound(connection: RawHttp2) -> None:
    resets(connection, 50)


def pings_within_the_bound(connection: RawHttp2) -> None:
    connection.write(PingFrame(0, opaque_data=b"12345678").serialize() * 500)


def answers_nobody_waits_for(connection: RawHttp2) -> None:
    """Ask for something long, with a priority that makes no sense, and cancel."""
    for _ in range(20):
        stream = connection.head(request_fields(b"/openapi.json", method=b"GET"))
        connection.write(raw_frame(PRIORITY, 0, stream, struct.pack(">IB", 0, 255)))
        connection.write(RstStreamFrame(stream, error_code=8).serialize())


VERIFY = b"/unkey.keys.v2.KeysService/VerifyKey"
GET_API = b"/unkey.apis.v2.ApisService/GetApi"
GRPC = ((b"content-type", b"application/grpc"), (b"te", b"trailers"))
CONNECT = ((b"content-type", b"application/json"), (b"connect-protocol-version", b"1"))
ATTACKS = {
    each.__name__: each
    for each in (
        streams_that_say_nothing,
        bodies_without_end,
        heads_that_are_none,
        broken_streams,
        broken_messages,
        resets_within_the_bound,
        pings_within_the_bound,
        answers_nobody_waits_for,
    )
}


class TestSharing:
    """A gRPC client, a Connect client and an attacker behind one proxy, on one connection to the service itself."""

    @pytest.mark.parametrize("kind", ATTACKS)
    async def test_both_clients_are_answered_in_full_beside_an_attacker(self, api: Harness, kind: str) -> None:
        caller = await api.admin()
        made = await api.post("/v2/apis.createApi", {"name": "Shared"}, caller)
        api_id = made.json["data"]["apiId"]
        credential = (b"authorization", f"Bearer {caller.root_key}".encode())
        message = GetApiRequest(api_id=api_id).to_binary()
        async with listening(api.app) as (_, port), raw_http2(HOST, port) as connection:
            halves = [
                connection.head(request_fields(GET_API, *GRPC, credential), end=False),
                connection.head(request_fields(GET_API, *CONNECT, credential), end=False),
            ]
            ATTACKS[kind](connection)
            wholes = [
                connection.request(GET_API, struct.pack(">BI", 0, len(message)) + message, *GRPC, credential),
                connection.request(GET_API, b'{"apiId":"%b"}' % api_id.encode(), *CONNECT, credential),
            ]
            await connection.ping()
            connection.data(halves[0], struct.pack(">BI", 0, len(message)) + message)
            connection.data(halves[1], b'{"apiId":"%b"}' % api_id.encode())
            for stream in (halves[0], wholes[0]):
                answer = await connection.answer(stream)
                assert (answer.status, answer.reset, answer.outcome[b"grpc-status"]) == (200, None, b"0")
                flags, size = struct.unpack(">BI", answer.body[:5])
                assert (flags, size) == (0, len(answer.body) - 5)
                got = GetApiResponse.from_binary(answer.body[5:])
                assert got.api is not None
                assert (got.api.id, got.api.name) == (api_id, "Shared")
            for stream in (halves[1], wholes[1]):
                answer = await connection.answer(stream)
                assert (answer.status, answer.reset, answer.outcome[b"content-type"]) == (
                    200,
                    None,
                    b"application/json",
                )
                assert orjson.loads(answer.body) == {"api": {"id": api_id, "name": "Shared"}}
            assert connection.goaway is None

    @pytest.mark.parametrize(
        "path",
        [
            b"/v2%2Fapis.getApi",
            b"/v2/apis%2EgetApi",
            b"/%76%32/apis.getApi",
            b"//v2/apis.getApi",
            b"/./v2/apis.getApi",
            b"/v2/../v2/apis.getApi",
            b"/v2/%2e%2e/v2/apis.getApi",
            b"/v2/apis.getApi/",
            b"/v2/apis.getApi%00",
            b"/v2/apis.getApi%20",
            b"/unkey.apis.v2.ApisService%2FGetApi",
            b"/unkey.apis.v2.ApisService/./GetApi",
            b"/unkey%2Eapis.v2.ApisService/GetApi",
            b"/health%2Fready",
        ],
    )
    async def test_another_spelling_of_a_path_is_another_path(self, api: Harness, path: bytes) -> None:
        caller = await api.admin()
        credential = (b"authorization", f"Bearer {caller.root_key}".encode())
        async with listening(api.app) as (_, port), raw_http2(HOST, port) as connection:
            answer = await connection.answer(connection.request(path, b"{}", *CONNECT, credential))
            assert answer.status == 404
            again = await connection.answer(connection.request(b"/v2/apis.getApi", b"{}", *CONNECT, credential))
            assert again.status == 400, "the connection goes on, and the right spelling is a route"
