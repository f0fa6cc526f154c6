"""Accepting connections that begin with a TLS handshake, and counting them from their first moment.

A server of asyncio hands a connection over after its handshake. Those that never finish one would not be counted,
though each of them holds a file for as long as a handshake may take.
"""

from __future__ import annotations

import ssl
from socket import socket

from unkey_api.server.http1.connection import NEW, Connection
from unkey_api.server.http1.connections import Connections, log
from unkey_api.server.http1.head import CROWDED
from unkey_api.server.sockets import BACKLOG

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
