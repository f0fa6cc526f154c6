"""The HTTP/1.1 listener on sockets, on the loop of a worker: what the kernel and clients we did not write see."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.certificates import self_signed
from tests.support.http1 import read_body, reply, statuses
from unkey_api.server.http1.listener import Http1Listener
from unkey_api.server.http1.starting import new_event_loop
from unkey_api.server.listeners import TlsFiles
from unkey_api.server.sockets import bind_workers
from unkey_api.settings.limits import LimitSettings

pytestmark = pytest.mark.integration

App = Callable[[Any, Any, Any], Any]  # ASGI's own types
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 20_000_000
PATIENCE_SECONDS = 20.0
BRIEF = LimitSettings(
    head_timeout=timedelta(seconds=1),
    body_timeout=timedelta(seconds=2),
    idle_timeout=timedelta(seconds=1),
    send_timeout=timedelta(seconds=1),
)


async def application(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
    """Answer by the path: with the body, at once, with much, after a while, in parts."""
    path = scope["path"]
    if path == "/early":
        await reply(send, 401, b"no")
    elif path == "/large":
        await reply(send, 200, b"a" * LARGE)
    elif path == "/parts":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(5):
            await send({"type": "http.response.body", "body": b"a" * 1_000, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"z"})
    else:
        body, _ = await read_body(receive)
        if path == "/later":
            await asyncio.sleep(0.05)
        await reply(send, 200, body or path.encode())


@dataclass
class Running:
    """A listener on a loop, and in a thread, of its own."""

    port: int
    listener: Http1Listener
    loop: asyncio.AbstractEventLoop

    def open(self) -> socket.socket:
        """Connect."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)

    def begin_drain(self) -> Any:  # Any: a future of another thread
        """Stop, without waiting for the end."""
        return asyncio.run_coroutine_threadsafe(self.listener.drain(), self.loop)

    def until_open(self, number: int) -> None:
        """Return once there are so many connections."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while self.listener.open_connections != number:
            assert time.monotonic() < limit
            time.sleep(0.005)


@contextmanager
def running(
    app: App = application,
    *,
    limits: LimitSettings | None = None,
    tls: TlsFiles | None = None,
    proxies: tuple[str, ...] = (),
    budget_seconds: float = 4,
) -> Iterator[Running]:
    """Serve until the block ends."""
    sock = bind_workers("127.0.0.1", http_port=0, http2_port=0, workers=1)[0].http1
    found: list[Running] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        listener = Http1Listener(
            app,
            sock,
            budget=timedelta(seconds=budget_seconds),
            tls=tls,
            limits=limits,
            proxies=tuple(ip_network(each) for each in proxies),
        )
        await listener.start()
        found.append(Running(sock.getsockname()[1], listener, asyncio.get_running_loop()))
        ready.set()
        await asyncio.to_thread(stop.wait)
        await listener.drain()

    def work() -> None:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=work, name="listener")
    thread.start()
    try:
        assert ready.wait(PATIENCE_SECONDS)
        yield found[0]
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as opened:
        yield opened


def read_to_end(sock: socket.socket) -> bytes:
    """Read until the other side closes. A reset is an error."""
    received = b""
    while data := sock.recv(65_536):
        received += data
    return received


def until_closed(sock: socket.socket) -> bool:
    """Say, once the other side has closed, whether it did so without an answer to what was sent in clear text."""
    try:
        return b"HTTP/1.1" not in read_to_end(sock)
    except ConnectionResetError:
        return True


def read_until(sock: socket.socket, ending: bytes) -> bytes:
    """Read until what was received ends like this."""
    received = b""
    while not received.endswith(ending):
        data = sock.recv(65_536)
        assert data, received
        received += data
    return received


class TestClients:
    def test_a_kept_connection_serves_many(self, server: Running) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)) as client:
            for number in range(100):
                client.request("POST", "/later" if number % 10 == 0 else "/", body=b"%d" % number)
                assert client.getresponse().read() == b"%d" % number

    def test_bodies_of_any_size_and_form(self, server: Running) -> None:
        def chunks() -> Iterator[bytes]:
            for _ in range(500):
                yield b"b" * 10_000

        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE_SECONDS) as client:
            assert client.post("/", content=b"a" * LARGE).content == b"a" * LARGE
            assert client.post("/", content=chunks()).content == b"b" * 5_000_000
            assert client.get("/large").content == b"a" * LARGE
            assert client.get("/parts").content == b"a" * 5_000 + b"z"
            assert client.head("/large").headers["content-length"] == str(LARGE)

    def test_many_at_once(self, server: Running) -> None:
        async def ask() -> list[bytes]:
            limits = httpx.Limits(max_connections=100)
            async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, limits=limits) as client:
                paths = [f"/{'later' if n % 3 else n}" for n in range(300)]
                urls = [f"http://127.0.0.1:{server.port}{path}" for path in paths]
                answers = await asyncio.gather(*(client.post(url, content=url.encode()) for url in urls))
            assert [answer.content for answer in answers] == [url.encode() for url in urls]
            return []

        asyncio.run(ask())

    def test_an_offer_of_h2c_with_a_body(self, server: Running) -> None:
        """What Java's HttpClient sends to a plain port."""
        head = (
            b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 4\r\nHost: x\r\n"
            b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n\r\n"
        )
        with server.open() as sock:
            sock.sendall(head)
            sock.sendall(b"body")
            assert read_until(sock, b"body").startswith(b"HTTP/1.1 200")
            sock.sendall(head + b"more" + GET)
            assert statuses(read_until(sock, b"/a")) == [200, 200]

    def test_tls(self, tmp_path: Path) -> None:
        files = self_signed(tmp_path)
        context = ssl.create_default_context(cafile=str(files[0]))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with running(tls=TlsFiles(*files), limits=BRIEF) as server:
            with httpx.Client(
                base_url=f"https://127.0.0.1:{server.port}", verify=context, timeout=PATIENCE_SECONDS
            ) as client:
                assert client.post("/", content=b"a" * LARGE).content == b"a" * LARGE
                assert client.post("/early", content=b"a" * 100_000).status_code == 401
                assert client.post("/", content=b"again").content == b"again"
            with server.open() as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as sock:
                assert (sock.version(), sock.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")
                sock.sendall(b"broken\r\n\r\n")
                assert statuses(read_to_end(sock)) == [400]

    def test_a_handshake_has_its_time(self, tmp_path: Path) -> None:
        with running(tls=TlsFiles(*self_signed(tmp_path)), limits=BRIEF) as server:
            for sent in (b"", b"\x16\x03\x01", GET):
                with server.open() as sock:
                    sock.sendall(sent)
                    assert until_closed(sock)
            server.until_open(0)
            assert server.listener.ended == {"handshake": 3}

    def test_handshakes_are_counted_as_connections(self, tmp_path: Path) -> None:
        limits = replace(BRIEF, head_timeout=timedelta(hours=1), connections_per_address=2)
        with running(tls=TlsFiles(*self_signed(tmp_path)), limits=limits) as server:
            with server.open(), server.open():
                server.until_open(2)
                with server.open() as third:
                    assert until_closed(third)
                assert server.listener.ended == {"crowded": 1}
            server.until_open(0)

    def test_a_handshake_under_way_does_not_hold_up_a_stop(self, tmp_path: Path) -> None:
        limits = replace(BRIEF, head_timeout=timedelta(hours=1))
        with (
            running(tls=TlsFiles(*self_signed(tmp_path)), limits=limits, budget_seconds=60) as server,
            server.open() as sock,
        ):
            server.until_open(1)
            drained = server.begin_drain()
            assert until_closed(sock)
            drained.result(PATIENCE_SECONDS)
            server.until_open(0)


class TestEarlyAnswers:
    def test_a_small_rest_is_skipped(self, server: Running) -> None:
        with server.open() as sock:
            sock.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n")
            assert statuses(read_until(sock, b"no")) == [401]
            sock.sendall(b"a" * 10_000 + GET)
            assert statuses(read_until(sock, b"/a")) == [200]

    def test_one_who_sends_much_sees_the_answer_and_no_reset(self, server: Running) -> None:
        with server.open() as sock:
            sock.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % LARGE)
            sock.sendall(b"a" * 500_000)
            received = read_to_end(sock)
        assert statuses(received) == [401]
        assert b"connection: close" in received

    def test_a_head_that_is_too_large(self, server: Running) -> None:
        with server.open() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 200_000)
            assert statuses(read_to_end(sock)) == [431]


class TestSilence:
    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            (b"", []),
            (b"GET / HTTP/1.1\r\nHo", [408]),
            (b'POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 100\r\n\r\n{"a', [408]),
            (GET, [200]),
            (b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", [401]),
        ],
    )
    def test_it_is_ended(self, sent: bytes, expected: list[int]) -> None:
        with running(limits=BRIEF) as server, server.open() as sock:
            sock.sendall(sent)
            assert statuses(read_to_end(sock)) == expected
            server.until_open(0)

    def test_one_who_does_not_read_is_cut(self) -> None:
        with running(limits=BRIEF) as server, server.open() as sock:
            sock.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            server.until_open(1)
            server.until_open(0)
            assert server.listener.ended == {"unread": 1}


class TestNumber:
    def test_those_over_the_limit_are_told(self) -> None:
        with running(limits=replace(BRIEF, idle_timeout=timedelta(hours=1), connections_per_address=2)) as server:
            with server.open() as first, server.open() as second:
                server.until_open(2)
                with server.open() as third:
                    third.sendall(GET * 100)
                    received = read_to_end(third)
                assert statuses(received) == [503]
                assert b"retry-after: 1" in received
                first.sendall(GET)
                assert statuses(read_until(first, b"/a")) == [200]
                del second
            server.until_open(0)

    def test_a_trusted_proxy_is_not_counted(self) -> None:
        limits = replace(BRIEF, connections_per_address=1)
        with (
            running(limits=limits, proxies=("127.0.0.0/8",)) as server,
            server.open(),
            server.open(),
            server.open() as third,
        ):
            third.sendall(GET)
            assert statuses(read_until(third, b"/a")) == [200]


class TestStop:
    def test_requests_under_way_are_answered_and_idle_ones_closed(self) -> None:
        release = threading.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            await asyncio.to_thread(release.wait)
            await reply(send, 200, b"done")

        with running(app) as server, server.open() as busy, server.open() as idle:
            busy.sendall(GET)
            server.until_open(2)
            drained = server.begin_drain()
            assert idle.recv(1) == b""
            assert not drained.done()
            release.set()
            received = read_to_end(busy)
            assert received.endswith(b"connection: close\r\n\r\ndone")
            drained.result(PATIENCE_SECONDS)

    def test_a_request_that_comes_late_is_answered(self) -> None:
        with running() as server, server.open() as sock:
            server.until_open(1)
            drained = server.begin_drain()
            time.sleep(0.25)  # the stop lets connections come first; nothing outside shows that this is over
            sock.sendall(GET)
            assert statuses(read_to_end(sock)) == [200]
            drained.result(PATIENCE_SECONDS)

    def test_the_budget_ends_what_does_not_finish(self) -> None:
        cancelled = threading.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        with running(app, budget_seconds=1) as server, server.open() as sock:
            sock.sendall(GET)
            server.until_open(1)
            server.begin_drain().result(PATIENCE_SECONDS)
            assert cancelled.wait(PATIENCE_SECONDS)
            assert sock.recv(1) == b"", "no answer either, which might be half of one"
