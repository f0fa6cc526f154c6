"""A TCP relay in front of a store, to hold its answers back or cut it off."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 65_536


class Relay:
    """Passes bytes on between clients and one target. Runs in threads, so that it works while a test blocks."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._flowing = threading.Event()
        self._flowing.set()
        self._links: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._cut = False
        self.held = threading.Event()
        """Set once bytes from a client wait for `release`."""

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    def hold(self) -> None:
        """Keep back what clients send from now on."""
        self.held.clear()
        self._flowing.clear()

    def release(self) -> None:
        """Pass on what was kept back, and everything after it."""
        self._flowing.set()

    def cut(self) -> None:
        """Close every connection and every new one at once."""
        self._cut = True
        self._shut_links()

    def mend(self) -> None:
        """Serve new connections again."""
        self._cut = False

    def accept(self) -> None:
        """Serve until closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._cut:
                    client.close()
                    continue
                server = socket.create_connection(self._target)
                self._links += [client, server]
                self._start(client, server, from_client=True)
                self._start(server, client, from_client=False)

    def close(self) -> None:
        """End everything."""
        self.release()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._shut_links()
        for thread in self._threads:
            thread.join()
        for link in self._links:
            link.close()

    def _start(self, source: socket.socket, sink: socket.socket, *, from_client: bool) -> None:
        thread = threading.Thread(target=self._pump, args=(source, sink, from_client), name="relay")
        self._threads.append(thread)
        thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:  # noqa: FBT001 - a thread's arguments
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if from_client and not self._flowing.is_set():
                    self.held.set()
                    self._flowing.wait()
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def _shut_links(self) -> None:
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay_to(host: str, port: int) -> Iterator[Relay]:
    """Open a relay to a store."""
    relay = Relay(host, port)
    thread = threading.Thread(target=relay.accept, name="relay-accept")
    thread.start()
    try:
        yield relay
    finally:
        relay.close()
        thread.join()
