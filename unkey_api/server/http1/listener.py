"""The HTTP/1.1 listener of a worker: opening it, TLS, and the stop.

Connections that begin with a TLS handshake are accepted here and counted from their first moment: a server of asyncio
hands a connection over after its handshake, so those that never finish one would not be counted, though each of them
holds a file for as long as a handshake may take.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import timedelta
from socket import socket
from typing import Any

from unkey_api.core.addresses import Network
from unkey_api.core.clock import SystemClock
from unkey_api.server.http1.connection import NEW, Connection
from unkey_api.server.http1.connections import Bounds, Connections, Form, log, no_form
from unkey_api.server.http1.head import CROWDED
from unkey_api.server.listeners import LOOK_SECONDS, Admission, TlsFiles, lingering, stop_accepting, until
from unkey_api.server.sockets import BACKLOG
from unkey_api.server.turns import Turns
from unkey_api.settings.limits import LimitSettings

HANDSHAKE = "handshake"
ACCEPTED_PER_TURN = 100
NO_FILES_SECONDS = 1.0  # until the next try when the process may not open any more


class TlsServer:
    """Accepts on one socket."""

    def __init__(self, shared: Connections, sock: socket, context: ssl.SSLContext) -> None:
        self._shared = shared
        self._socket = sock
        self._context = context
        self._closed = False

    def start(self) -> None:
        """Start accepting."""
        self._socket.listen(BACKLOG)
        self._watch()

    def close(self) -> None:
        """Stop accepting and close the socket."""
        if not self._closed:
            self._closed = True
            self._shared.loop.remove_reader(self._socket)
            self._socket.close()

    def _watch(self) -> None:
        if not self._closed:
            self._shared.loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            try:
                accepted, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as err:
                log.error("cannot accept connections", exc_info=err)
                self._shared.loop.remove_reader(self._socket)
                self._shared.loop.call_later(NO_FILES_SECONDS, self._watch)
                return
            self._enter(accepted, str(address[0]))

    def _enter(self, accepted: socket, address: str) -> None:
        shared = self._shared
        holder = shared.admission.enter(address)
        if holder is None:
            shared.ended[CROWDED.reason] += 1  # who does not speak TLS yet cannot be told
            accepted.close()
            return
        accepted.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        task = shared.loop.create_task(self._shake(accepted, holder), name=HANDSHAKE)
        shared.handshakes.add(task)
        task.add_done_callback(shared.handshakes.discard)

    async def _shake(self, accepted: socket, holder: str) -> None:
        shared = self._shared
        connection = Connection(shared, "https", holder=holder)
        try:
            await shared.loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=shared.bounds.head_seconds,
            )
        except OSError:  # failures of TLS, time-outs and resets all are
            shared.ended[HANDSHAKE] += 1
        finally:
            if connection.phase == NEW and connection not in shared.open:
                shared.admission.leave(holder)
                accepted.close()


ABORT_SECONDS = 1.0  # for requests to notice that they were cut


class Http1Listener:
    """HTTP/1.1 on one socket, with every bound of `LimitSettings` that is about it."""

    def __init__(
        self,
        app: Any,  # any ASGI application
        sock: socket,
        *,
        budget: timedelta,
        tls: TlsFiles | None,
        limits: LimitSettings | None = None,
        proxies: tuple[Network, ...] = (),
        turns: Turns | None = None,
    ) -> None:
        self._app = app
        self._socket = sock
        self._budget = budget
        self._tls = _tls_context(tls) if tls is not None else None
        self._limits = limits or LimitSettings()
        self._clock = SystemClock()
        self._turns = turns or Turns(self._clock)
        self.form: Form = no_form
        """Puts refusals into the words of the application. To be set before `start`."""
        self._admission = Admission(
            total=self._limits.connections, per_address=self._limits.connections_per_address, exempt=proxies
        )
        self._connections: Connections | None = None
        self._server: asyncio.Server | TlsServer | None = None

    @property
    def open_connections(self) -> int:
        """How many connections there are right now."""
        return self._admission.in_all

    @property
    def ended(self) -> Mapping[str, int]:
        """How many connections were ended from this side, by the reason."""
        return self._connections.ended if self._connections is not None else {}

    async def start(self) -> None:
        """Start accepting."""
        loop = asyncio.get_running_loop()
        connections = self._connections = Connections(
            self._app,
            loop=loop,
            clock=self._clock,
            bounds=Bounds.of(self._limits),
            admission=self._admission,
            turns=self._turns,
            form=self.form,
        )
        connections.start()
        if self._tls is None:
            self._server = await loop.create_server(self.protocol, sock=self._socket, backlog=BACKLOG)
        else:
            self._server = TlsServer(connections, self._socket, self._tls)
            self._server.start()

    def protocol(self) -> asyncio.Protocol:
        """Make what serves one connection, for a listener of another kind that got one of these. Only once started."""
        if self._connections is None:
            raise RuntimeError("the listener has not been started")
        return Connection(self._connections, "http" if self._tls is None else "https")

    async def drain(self) -> None:
        """Stop accepting and finish; what has not finished by the end of the budget is cut."""
        if self._server is None or self._connections is None:
            return
        connections = self._connections
        try:
            async with asyncio.timeout(self._budget.total_seconds()):
                await self._finish(self._server, connections)
        except TimeoutError:
            connections.abort()
            await until(lambda: not connections.open and not connections.tasks, seconds=ABORT_SECONDS)
        finally:
            connections.stop()

    async def _finish(self, server: asyncio.Server | TlsServer, connections: Connections) -> None:
        await stop_accepting(self._socket)
        server.close()
        connections.parting = True
        await until(lambda: not connections.open and not connections.handshakes, seconds=lingering(self._budget))
        while connections.open or connections.tasks or connections.handshakes:
            connections.close_idle()
            await asyncio.sleep(LOOK_SECONDS)


def _tls_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(files.cert_file, files.key_file)
    context.set_alpn_protocols(["http/1.1"])
    return context
