"""HTTP/2 by hypercorn's protocol, with a stop of our own.

hypercorn itself tells nobody that it stops: it resets every stream that is opened afterwards, drops the connection
with the answers under way on it when such a stream brings a body, and waits for ever for connections that stay open.
Here a stop is the graceful shutdown of RFC 9113, section 6.8: a GOAWAY that still allows everything, time for clients
to hear of it, a GOAWAY that names the last stream, and a close when that stream's answer is out.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from socket import socket
from typing import cast

import hypercorn.config
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from unkey_api.core.addresses import Network
from unkey_api.core.clock import SystemClock
from unkey_api.server.http2.connection import Connection
from unkey_api.server.http2.drain_request import DrainRequestBeforeResponse
from unkey_api.server.listeners import (
    LOOK_SECONDS,
    Admission,
    Asgi,
    TlsFiles,
    lingering,
    stop_accepting,
    until,
)
from unkey_api.server.sockets import BACKLOG
from unkey_api.server.turns import Share, Turns
from unkey_api.settings.limits import LimitSettings

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FLOODS_PER_ADDRESS = 10  # connections ended for a flood, before an address is turned away for a while
BARRED_SECONDS = 10.0
REMEMBERED_ADDRESSES = 10_000
READ_AHEAD_BYTES = 16_384  # the transport is halted at twice as much
CHECK_SECONDS = 0.5  # between looks at who keeps a connection waiting
ABORT_SECONDS = 1.0  # for connections to notice that they were cut
LAST_WORD_SECONDS = 0.2  # for clients to read that no further request is answered
NO_HTTP1 = (
    b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-type: text/plain\r\n"
    b"content-length: 33\r\n\r\nThis port speaks HTTP/2 and gRPC\n"
)

_log = logging.getLogger(__name__)


class Http2Listener:
    """HTTP/2, in clear text by prior knowledge, or over TLS by ALPN."""

    def __init__(
        self,
        app: Asgi,
        sock: socket,
        *,
        budget: timedelta,
        tls: TlsFiles | None,
        limits: LimitSettings | None = None,
        proxies: tuple[Network, ...] = (),
        turns: Turns | None = None,
    ) -> None:
        self.limits = limits or LimitSettings()
        self._turns = turns or Turns(SystemClock())
        self.admission = Admission(
            total=self.limits.connections, per_address=self.limits.connections_per_address, exempt=proxies
        )
        self.http1: Callable[[], asyncio.Protocol] | None = None
        """Makes what serves a client that turns out to speak HTTP/1.1; without it such a client gets a 505."""
        self._config = _config(tls)
        self._app = wrap_app(DrainRequestBeforeResponse(app), self._config.wsgi_max_body_size, "asgi")
        self._context = WorkerContext(None)
        self._socket = sock
        self._budget = budget
        self._server: asyncio.Server | None = None
        self._openings: set[_Opening] = set()
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._ended: Counter[str] = Counter()
        self._barred = FloodsByAddress()
        self._checking: asyncio.Task[None] | None = None
        self._parting = False

    @property
    def connections(self) -> int:
        """How many connections are served here, or wait to be."""
        return len(self._connections) + len(self._openings)

    @property
    def open_connections(self) -> int:
        """How many connections there are right now."""
        return self.admission.in_all

    @property
    def ended(self) -> Mapping[str, int]:
        """How many connections were ended from this side, by the reason."""
        return self._ended

    async def start(self) -> None:
        """Start accepting."""
        context = self._config.create_ssl_context()
        if context is not None:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        seconds = None if context is None else self.limits.head_timeout.total_seconds()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Opening(self), sock=self._socket, backlog=BACKLOG, ssl=context, ssl_handshake_timeout=seconds
        )
        self._checking = loop.create_task(self._check_for_ever(), name="http2 checks")

    async def drain(self) -> None:
        """Stop accepting and finish; what has not finished by the end of the budget is cut."""
        if self._server is None:
            return
        try:
            async with asyncio.timeout(self._budget.total_seconds()):
                await self._finish(self._server)
        except TimeoutError:
            self._ended["stopped"] += self.connections
            self._abort_all()
            for task in self._connections.values():
                task.cancel()
            await until(lambda: not self.connections, seconds=ABORT_SECONDS)
        finally:
            if self._checking is not None:
                self._checking.cancel()

    async def _finish(self, server: asyncio.Server) -> None:
        await stop_accepting(self._socket)
        server.close()
        self._parting = True
        for connection in list(self._connections):
            await connection.begin_drain()
        await until(lambda: not self.connections, seconds=lingering(self._budget))
        for opening in list(self._openings):
            opening.abort()
        for connection in list(self._connections):
            if connection.streams is not None:
                await connection.streams.refuse_further()
        # Closing while a client still sends would reset the connection, and the client might never read that.
        await until(lambda: not self._connections, seconds=LAST_WORD_SECONDS)
        while self._connections:
            for connection in [each for each in self._connections if each.done]:
                await connection.close()
            await asyncio.sleep(LOOK_SECONDS)

    def _abort_all(self) -> None:
        for opening in list(self._openings):
            opening.abort()
        for connection in self._connections:
            connection.abort()

    async def _check_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now = loop.time()
            for opening in list(self._openings):
                if now - opening.began > self.limits.head_timeout.total_seconds():
                    self.end("silent")
                    opening.abort()
            for connection in list(self._connections):
                try:
                    await connection.check(now)
                except Exception:  # noqa: BLE001 - whatever it is, the others are checked all the same
                    _log.exception("an HTTP/2 connection could not be checked and was cut")
                    connection.abort()

    def end(self, reason: str, holder: str = "") -> None:
        """Note that a connection is ended from this side; `holder` is for whom it counts."""
        self._ended[reason] += 1
        if reason == "flood" and holder:
            self._barred.note(holder, asyncio.get_running_loop().time())

    def enter(self, address: str) -> str | None:
        """Let a connection in. Returns for whom it counts, or None when it has to be closed."""
        holder = self.admission.enter(address)
        if holder and self._barred.too_many(holder, asyncio.get_running_loop().time()):
            self.admission.leave(holder)
            self.end("barred")
            return None
        if holder is None:
            self.end("crowded")
        return holder

    def opened(self, opening: _Opening) -> None:
        """Note a connection of which nobody knows yet what it speaks."""
        self._openings.add(opening)

    def closed(self, opening: _Opening) -> None:
        """Forget it: it was closed, or is served by now."""
        self._openings.discard(opening)

    def serve(self, transport: asyncio.Transport, first: bytes, holder: str) -> None:
        """Serve HTTP/2 on a transport from which `first` has been read already."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_AHEAD_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        reader.feed_data(first)
        ours = (self.limits, lambda reason: self.end(reason, holder), self._app, loop, self._config, self._context)
        connection = Connection(Share(self._turns, holder), *ours, ConnectionState({}), reader, writer)
        task = loop.create_task(self._converse(connection, holder), name="http2 connection")
        self._connections[connection] = task

    async def _converse(self, connection: Connection, holder: str) -> None:
        try:
            if self._parting:
                await connection.begin_drain()
            await connection.run()
        except Exception:  # noqa: BLE001 - nobody waits for this task
            _log.exception("an HTTP/2 connection failed")
            self.end("failed")
            connection.abort()
        finally:
            self._connections.pop(connection, None)
            self.admission.leave(holder)


class FloodsByAddress:
    """Remembers who was cut for a flood, so that the next one does not begin at once."""

    def __init__(self) -> None:
        self._floods: dict[str, list[float]] = {}

    def note(self, holder: str, now: float) -> None:
        """Note a flood."""
        if len(self._floods) >= REMEMBERED_ADDRESSES:
            self._floods = {each: when for each, when in self._floods.items() if now - when[-1] < BARRED_SECONDS}
        if len(self._floods) < REMEMBERED_ADDRESSES or holder in self._floods:
            self._floods.setdefault(holder, []).append(now)
            del self._floods[holder][:-FLOODS_PER_ADDRESS]

    def too_many(self, holder: str, now: float) -> bool:
        """Say whether there were so many of late that no further connection is let in."""
        floods = self._floods.get(holder, [])
        return len(floods) >= FLOODS_PER_ADDRESS and now - floods[0] < BARRED_SECONDS


class _Opening(asyncio.Protocol):
    """A connection until it is known what it speaks: by ALPN, or by its first bytes."""

    def __init__(self, listener: Http2Listener) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._holder: str | None = None
        self._first = b""
        self.began = asyncio.get_running_loop().time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        peer = made.get_extra_info("peername")
        self._holder = self._listener.enter(peer[0] if isinstance(peer, tuple) else "")
        if self._holder is None:
            made.abort()
            return
        self._listener.opened(self)
        tls = made.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self._become_http2(made, self._holder)

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._holder is None:
            return
        self._first += data
        if self._first.startswith(PREFACE):
            self._become_http2(self._transport, self._holder)
        elif not PREFACE.startswith(self._first):
            self._become_http1(self._transport, self._holder)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.closed(self)
        if self._holder is not None:
            self._listener.admission.leave(self._holder)

    def abort(self) -> None:
        """Cut it."""
        if self._transport is not None:
            self._transport.abort()

    def _become_http2(self, transport: asyncio.Transport, holder: str) -> None:
        self._listener.closed(self)
        self._listener.serve(transport, self._first, holder)

    def _become_http1(self, transport: asyncio.Transport, holder: str) -> None:
        make = self._listener.http1
        if make is None:
            transport.write(NO_HTTP1)
            transport.close()
            return
        self._listener.closed(self)
        self._listener.admission.leave(holder)
        served = make()
        transport.set_protocol(served)
        served.connection_made(transport)
        served.data_received(self._first)


def _config(tls: TlsFiles | None) -> hypercorn.config.Config:
    config = hypercorn.config.Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.keep_alive_max_requests = 2**31  # what bounds a connection are the limits, not how busy it is
    if tls is not None:
        config.certfile = str(tls.cert_file)
        config.keyfile = str(tls.key_file)
    return config
