"""HTTP/2 by hypercorn's protocol, with a stop of our own.

hypercorn itself tells nobody that it stops: it resets every stream that is opened afterwards, drops the connection
with the answers under way on it when such a stream brings a body, and waits for ever for connections that stay open.
Here a stop is the graceful shutdown of RFC 9113, section 6.8: a GOAWAY that still allows everything, time for clients
to hear of it, a GOAWAY that names the last stream, and a close when that stream's answer is out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from datetime import timedelta
from socket import socket
from typing import Any

import hypercorn.config
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived
from h2.exceptions import ProtocolError
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.events import Closed, RawData
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H2CProtocolRequiredError, H2ProtocolAssumedError, H11Protocol
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr, wrap_app
from hyperframe.frame import GoAwayFrame

from unkey_api.core.addresses import Network
from unkey_api.server.admission import Admission
from unkey_api.server.listeners import (
    KEEP_ALIVE_SECONDS,
    LOOK_SECONDS,
    REQUESTS_PER_CONNECTION,
    Asgi,
    TlsFiles,
    lingering,
    saying_goodbye,
    stop_accepting,
    until,
)
from unkey_api.server.sockets import BACKLOG
from unkey_api.server.whole_requests import WholeRequests
from unkey_api.settings.limits import LimitSettings

STREAMS = 250  # at once, per connection
ANY_STREAM = 2**31 - 1
ABORT_SECONDS = 1.0  # for connections to notice that they were cut
LAST_WORD_SECONDS = 0.2  # for clients to read that no further request is answered


class _BriefMemory(H2Connection):
    """h2's own, but for how many closed streams it remembers: 65,536 would be 13 MB for every busy connection.

    It has to know those to which a client may still be sending, so that it can tell a late frame from a wrong one.
    """

    MAX_CLOSED_STREAMS = 4 * STREAMS


class _Streams(H2Protocol):
    """The streams of one HTTP/2 connection."""

    refusing = False
    """Set when no further stream may begin."""

    def __init__(self, *arguments: Any) -> None:  # Any: those of hypercorn's class, untouched
        super().__init__(*arguments)
        prepared = self.connection
        self.connection = _BriefMemory(config=prepared.config)
        self.connection.DEFAULT_MAX_INBOUND_FRAME_SIZE = prepared.DEFAULT_MAX_INBOUND_FRAME_SIZE
        self.connection.local_settings = prepared.local_settings

    @property
    def done(self) -> bool:
        """Whether every answer is out."""
        return not self.streams and not self.stream_buffers

    async def say_goodbye(self, last_stream: int) -> None:
        """Tell the client which streams are still answered. Not through h2, for which this would be the end."""
        await self.send(RawData(data=GoAwayFrame(0, last_stream_id=last_stream).serialize()))

    async def _handle_events(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestReceived) and self.refusing:
                self.connection.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            elif isinstance(event, DataReceived) and event.stream_id not in self.streams:
                # Of a stream that was refused a moment ago; the room it took on the connection is given back.
                with contextlib.suppress(ProtocolError):
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            else:
                await super()._handle_events([event])
        await self._flush()


class _Negotiation(ProtocolWrapper):
    """HTTP/2 by ALPN, by prior knowledge or by upgrade, else HTTP/1.1."""

    def __init__(self, *arguments: Any) -> None:  # Any: those of hypercorn's class, untouched
        super().__init__(*arguments)
        self.parting = False
        """Set when the client is to be told to go as soon as it speaks HTTP/2."""
        if isinstance(self.protocol, H2Protocol):
            self.protocol = self._streams()

    async def handle(self, event: Any) -> None:
        """Pass what came in on, changing over to HTTP/2 when the client does."""
        try:
            await self.protocol.handle(event)
        except H2ProtocolAssumedError as change:
            await self._change_over(change.data)
        except H2CProtocolRequiredError as change:
            await self._change_over(change.data, change.headers, change.settings)

    async def _change_over(self, data: bytes, *upgrade: Any) -> None:
        self.protocol = self._streams()
        await self.protocol.initiate(*upgrade)
        if self.parting:
            await self.protocol.say_goodbye(ANY_STREAM)
        if data:
            await self.protocol.handle(RawData(data=data))

    def _streams(self) -> _Streams:
        place = (self.ssl, self.client, self.server, self.send)
        return _Streams(self.app, self.config, self.context, self.task_group, self.state, *place)


class _Connection(TCPServer):
    """One connection; hypercorn's own but for the protocol it speaks."""

    negotiated: _Negotiation | None = None
    """None until it is being read from."""
    _left = False
    _parting = False

    def __init__(self, *arguments: Any) -> None:  # Any: those of hypercorn's class, untouched
        super().__init__(*arguments)
        self._outgoing: list[bytes] = []

    async def protocol_send(self, event: Any) -> None:
        """Send what the protocol made, together with everything else of this turn of the loop.

        An answer is three pieces, and a system call for each of them would be a fifth of what a request costs.
        """
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        if not self._outgoing:
            self.loop.call_soon(self._write_out)
        self._outgoing.append(event.data)
        try:
            await self.writer.drain()
        except (ConnectionError, RuntimeError):
            await self.protocol.handle(Closed())

    def _write_out(self) -> None:
        data, self._outgoing = b"".join(self._outgoing), []
        if data:
            with contextlib.suppress(ConnectionError, RuntimeError):  # reading tells that it is closed
                self.writer.write(data)

    async def _close(self) -> None:
        self._write_out()
        await super()._close()

    async def _initiate_server_close(self) -> None:
        await self.protocol.handle(Closed())
        self._write_out()
        self.writer.close()

    async def run(self) -> None:
        """Serve until either side closes."""
        try:
            async with TaskGroup(self.loop) as tasks:
                self._task_group = tasks
                self.protocol = self.negotiated = self._negotiation(tasks)
                await self.protocol.initiate()
                if self._parting:
                    await self.part()
                await self.idle_task.restart(tasks, self._idle_timeout)
                await self._read_data()
                await self.idle_task.stop()  # or what is left of a closed connection would stay for the idle time
        except OSError:
            pass
        finally:
            await self._close()

    @property
    def streams(self) -> _Streams | None:
        """The HTTP/2 side; None while, or because, it speaks HTTP/1.1."""
        speaking = self.negotiated.protocol if self.negotiated is not None else None
        return speaking if isinstance(speaking, _Streams) else None

    @property
    def done(self) -> bool:
        """Whether it waits for nothing but another request."""
        if self.negotiated is None or self._left:
            return False
        speaking = self.negotiated.protocol
        return speaking.stream is None if isinstance(speaking, H11Protocol) else self._answered_all

    @property
    def _answered_all(self) -> bool:
        return self.streams is not None and self.streams.done

    async def part(self) -> None:
        """Tell the client to go, now or, where it has not spoken yet, once it turns out to speak HTTP/2."""
        self._parting = True
        if self.negotiated is not None:
            self.negotiated.parting = True
        if self.streams is not None:
            await self.streams.say_goodbye(ANY_STREAM)

    async def leave(self) -> None:
        """Close it; for one that is done."""
        self._left = True
        await self._initiate_server_close()

    def _negotiation(self, tasks: TaskGroup) -> _Negotiation:
        sock = self.writer.get_extra_info("socket")
        tls = self.writer.get_extra_info("ssl_object")
        return _Negotiation(
            self.app,
            self.config,
            self.context,
            tasks,
            ConnectionState(self.state),
            tls is not None,
            parse_socket_addr(sock.family, sock.getpeername()),
            parse_socket_addr(sock.family, sock.getsockname()),
            self.protocol_send,
            tls.selected_alpn_protocol() if tls is not None else "http/1.1",
        )


class Http2Listener:
    """HTTP/2, in clear text (h2c) or over TLS; HTTP/1.1 is understood too."""

    def __init__(
        self,
        app: Asgi,
        sock: socket,
        *,
        budget: timedelta,
        tls: TlsFiles | None,
        limits: LimitSettings | None = None,
        proxies: tuple[Network, ...] = (),
    ) -> None:
        limits = limits or LimitSettings()
        self._admission = Admission(
            total=limits.connections, per_address=limits.connections_per_address, exempt=proxies
        )
        config = hypercorn.config.Config()
        config.accesslog = None
        config.errorlog = logging.getLogger("hypercorn.error")
        config.include_server_header = False
        config.keep_alive_timeout = KEEP_ALIVE_SECONDS
        config.keep_alive_max_requests = REQUESTS_PER_CONNECTION
        config.h2_max_concurrent_streams = STREAMS
        config.h2_max_inbound_frame_size = 2**16
        if tls is not None:
            config.certfile = str(tls.cert_file)
            config.keyfile = str(tls.key_file)
        self._config = config
        self._whole = WholeRequests(app)
        self._app = wrap_app(self._whole, config.wsgi_max_body_size, "asgi")
        self._context = WorkerContext(None)
        self._socket = sock
        self._budget = budget
        self._server: asyncio.Server | None = None
        self._connections: dict[_Connection, asyncio.Task[Any] | None] = {}
        self._parting = False

    async def start(self) -> None:
        """Start accepting."""
        context = self._config.create_ssl_context()
        if context is not None:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        seconds = None if context is None else self._config.ssl_handshake_timeout
        self._server = await asyncio.start_server(
            self._serve, sock=self._socket, backlog=BACKLOG, ssl=context, ssl_handshake_timeout=seconds
        )

    async def drain(self) -> None:
        """Stop accepting and finish; what has not finished by the end of the budget is cut."""
        if self._server is None:
            return
        try:
            async with asyncio.timeout(self._budget.total_seconds()):
                await self._finish(self._server)
        except TimeoutError:
            for connection, task in self._connections.items():
                connection.writer.transport.abort()
                if task is not None:
                    task.cancel()
            await until(lambda: not self._connections, seconds=ABORT_SECONDS)

    async def _finish(self, server: asyncio.Server) -> None:
        await stop_accepting(self._socket)
        server.close()
        self._whole.app = _parting_http1(self._whole.app)
        self._parting = True
        for connection in list(self._connections):
            await connection.part()
        await until(lambda: not self._connections, seconds=lingering(self._budget))
        for connection in list(self._connections):
            if connection.streams is not None:
                connection.streams.refusing = True
                await connection.streams.say_goodbye(connection.streams.connection.highest_inbound_stream_id)
        # Closing while a client still sends would reset the connection, and the client might never read that.
        await until(lambda: not self._connections, seconds=LAST_WORD_SECONDS)
        while self._connections:
            for connection in [each for each in self._connections if each.done]:
                await connection.leave()
            await asyncio.sleep(LOOK_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        holder = self._admission.enter(peer[0] if isinstance(peer, tuple) else "")
        if holder is None:
            writer.transport.abort()
            return
        try:
            await self._converse(reader, writer)
        finally:
            self._admission.leave(holder)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(
            self._app, asyncio.get_running_loop(), self._config, self._context, ConnectionState({}), reader, writer
        )
        self._connections[connection] = asyncio.current_task()
        try:
            if self._parting:
                await connection.part()
            await connection
        finally:
            del self._connections[connection]


def _parting_http1(app: Asgi) -> Asgi:
    """HTTP/2 knows no `connection` header."""
    parting = saying_goodbye(app)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await (app if scope["http_version"].startswith("2") else parting)(scope, receive, send)

    return answer
