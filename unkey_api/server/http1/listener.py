"""The HTTP/1.1 listener of a worker: opening it, TLS, and the stop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import timedelta
from socket import socket
from typing import Any

from unkey_api.core.addresses import Network
from unkey_api.core.clock import SystemClock
from unkey_api.server.http1.connection import Connection
from unkey_api.server.http1.connections import Bounds, Connections, Form, no_form
from unkey_api.server.http1.handshake import TlsServer
from unkey_api.server.listeners import LOOK_SECONDS, Admission, TlsFiles, lingering, stop_accepting, until
from unkey_api.server.sockets import BACKLOG
from unkey_api.server.turns import Turns
from unkey_api.settings.limits import LimitSettings

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
