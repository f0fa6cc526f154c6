"""The two HTTP servers of a worker, started on given sockets and drained on demand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from socket import socket
from typing import Any, Protocol

import hypercorn.asyncio
import hypercorn.config
import uvicorn

KEEP_ALIVE_SECONDS = 75  # longer than the idle time of common proxies, so that they close first
REQUESTS_PER_CONNECTION = 1_000_000  # a busy gRPC channel would use up hypercorn's thousand within a second
TAKE_OVER_SECONDS = 10  # a listener that is not up by then never will be


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
        self._app = app
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
