"""The two HTTP servers of a worker, started on given sockets and drained on demand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from socket import socket
from typing import Any, Protocol

import hypercorn.asyncio
import hypercorn.config
import uvicorn

Asgi = Callable[[Any, Any, Any], Awaitable[None]]  # scope, receive, send; events are mappings with values of any kind
KEEP_ALIVE_SECONDS = 75  # longer than the idle time of common proxies, so that they close first
REQUESTS_PER_CONNECTION = 1_000_000  # a busy gRPC channel would use up hypercorn's thousand within a second
TAKE_OVER_SECONDS = 10  # a listener that is not up by then never will be
LATE_BODY_SECONDS = 10.0  # how long an answer waits for the rest of a body nobody wants
LATE_BODY_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate chain and its key, in PEM."""

    cert_file: Path
    key_file: Path


class Listener(Protocol):
    """One HTTP server."""

    async def start(self) -> None:
        """Start accepting. Returns once connections are served."""
        ...

    async def drain(self) -> None:
        """Stop accepting, let running requests finish within the budget, then close what is left."""
        ...


class _QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling: the worker decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class Http1Listener:
    """HTTP/1.1 by uvicorn."""

    def __init__(self, app: Any, sock: socket, *, budget: timedelta, tls: TlsFiles | None) -> None:  # any ASGI app
        config = uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, int(budget.total_seconds())),
            ssl_certfile=tls.cert_file if tls else None,
            ssl_keyfile=tls.key_file if tls else None,
        )
        config.load()
        if config.ssl is not None:
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
        self._server = _QuietServer(config)
        self._socket = sock
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start accepting."""
        self._running = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="http1")
        async with asyncio.timeout(TAKE_OVER_SECONDS):
            while not self._server.started:
                if self._running.done():
                    self._running.result()
                await asyncio.sleep(0.001)

    async def drain(self) -> None:
        """Stop accepting and finish."""
        self._server.should_exit = True
        if self._running is not None:
            await self._running


class WholeRequests:
    """Lets no answer out before its request has arrived completely.

    hypercorn drops the connection, with every other call on it, when a stream that was answered goes on sending: it
    looks for a stream it has just forgotten. An early answer (no credential, unknown path, body too large) must not do
    that to a client that shares its connection.
    """

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        complete = False

        async def noting_receive() -> Any:
            nonlocal complete
            event = await receive()
            complete = complete or event["type"] == "http.disconnect" or not event.get("more_body", False)
            return event

        async def waiting_send(event: Any) -> None:
            if not complete and event["type"] == "http.response.start":
                await _discard_rest(noting_receive, lambda: complete)
            await send(event)

        await self._app(scope, noting_receive, waiting_send)


async def _discard_rest(receive: Callable[[], Awaitable[Any]], complete: Callable[[], bool]) -> None:
    """Read what is left of a body, within reason."""
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LATE_BODY_SECONDS):
            while not complete() and size < LATE_BODY_BYTES:
                size += len((await receive()).get("body", b""))


class Http2Listener:
    """HTTP/2 by hypercorn, in clear text (h2c) or over TLS."""

    def __init__(self, app: Any, sock: socket, *, budget: timedelta, tls: TlsFiles | None) -> None:  # any ASGI app
        config = hypercorn.config.Config()
        config.bind = [f"fd://{sock.detach()}"]
        config.accesslog = None
        config.errorlog = logging.getLogger("hypercorn.error")
        config.include_server_header = False
        config.graceful_timeout = budget.total_seconds()
        config.shutdown_timeout = budget.total_seconds()
        config.keep_alive_timeout = KEEP_ALIVE_SECONDS
        config.keep_alive_max_requests = REQUESTS_PER_CONNECTION
        config.h2_max_concurrent_streams = 250
        config.h2_max_inbound_frame_size = 2**16
        if tls is not None:
            config.certfile = str(tls.cert_file)
            config.keyfile = str(tls.key_file)
        self._app = WholeRequests(app)
        self._config = config
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start accepting. hypercorn does not tell when it is up, but the socket already queues connections."""
        serve = hypercorn.asyncio.serve(self._app, self._config, shutdown_trigger=self._stop.wait, mode="asgi")
        self._running = asyncio.create_task(serve, name="http2")
        await asyncio.sleep(0)

    async def drain(self) -> None:
        """Stop accepting and finish. hypercorn can wait for ever on open connections, so the budget is ours."""
        self._stop.set()
        if self._running is None:
            return
        done, _ = await asyncio.wait([self._running], timeout=self._config.graceful_timeout + 1)
        if not done:
            self._running.cancel()
            await asyncio.wait([self._running], timeout=1)
