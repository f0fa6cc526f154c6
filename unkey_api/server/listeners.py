"""What the listeners of a worker have in common, and the small one for metrics.

Who may open a further connection is counted: so many in all, so many from one address, proxies of ours without number.

Every listener stops in the same steps, so that nobody who was let in is left without an answer:

1. New connections are turned away, those already established are still taken in.
2. Whoever is connected is told to go with the next answer. Requests that were on their way when the stop began arrive
   and are answered; that is what `lingering` is for.
3. Idle connections are closed, running requests have the rest of the budget.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from socket import socket
from typing import Any, Protocol

from unkey_api.core.addresses import Network, inside, read_address, site
from unkey_api.server.sockets import has_waiting, refuse_new

Asgi = Callable[[Any, Any, Any], Awaitable[None]]  # scope, receive, send; events are mappings with values of any kind
HANDSHAKE_SECONDS = 0.2  # connections being made when the stop begins are established by then
LET_IN_SECONDS = 2.0  # a busy worker may need a moment for those
LINGER_SECONDS = 1.0  # how long a connection that is idle at the stop may still bring a request
LOOK_SECONDS = 0.01  # between looks at whether a connection is done


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


def lingering(budget: timedelta) -> float:
    """Return for how many seconds connections may still bring requests after a stop, with that budget for all of it."""
    return min(LINGER_SECONDS, budget.total_seconds() / 4)


async def until(done: Callable[[], bool], *, seconds: float) -> None:
    """Return once `done`, or after so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not done():  # noqa: ASYNC110 - connections of two servers that know no events
                await asyncio.sleep(LOOK_SECONDS)


async def stop_accepting(sock: socket) -> None:
    """Turn new connections away and return once those under way have been let in; then the socket may be closed."""
    refuse_new(sock)
    await asyncio.sleep(HANDSHAKE_SECONDS)
    await until(lambda: not has_waiting(sock), seconds=LET_IN_SECONDS)


class Admission:
    """Counts the open connections of one listener in one worker."""

    def __init__(self, *, total: int, per_address: int, exempt: Iterable[Network] = ()) -> None:
        """Take how many connections there may be in all and from one address; `exempt` networks count in all only."""
        self._total = total
        self._per_address = per_address
        self._exempt = tuple(exempt)
        self._open: dict[str, int] = {}
        self._in_all = 0
        self.refused = 0
        """Connections turned away so far."""

    @property
    def in_all(self) -> int:
        """Connections open right now."""
        return self._in_all

    def enter(self, address: str) -> str | None:
        """Count a connection from an address. Returns what to hand to `leave`, or None when it has to be closed."""
        holder = _holder(address, self._exempt)
        if self._in_all >= self._total or (holder and self._open.get(holder, 0) >= self._per_address):
            self.refused += 1
            return None
        self._in_all += 1
        if holder:
            self._open[holder] = self._open.get(holder, 0) + 1
        return holder

    def leave(self, holder: str) -> None:
        """Forget a connection that was let in."""
        self._in_all -= 1
        left = self._open.get(holder, 0) - 1
        if left > 0:
            self._open[holder] = left
        else:
            self._open.pop(holder, None)


@lru_cache(maxsize=1024)
def _holder(address: str, exempt: tuple[Network, ...]) -> str:
    """Return for whom a connection counts; empty text when it counts for nobody."""
    parsed = read_address(address)
    if parsed is None:
        return address  # a UNIX socket has none
    return "" if inside(parsed, exempt) else site(parsed)


HEAD_LIMIT_SECONDS = 5.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serving_metrics(render: Callable[[], bytes], address: str, port: int) -> AsyncIterator[int]:
    """Serve what `render` returns until the block is left; yields the port, which is chosen freely when 0 is given.

    One request per connection, like a scraper makes it. Anything but `GET /metrics` is a 404.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_LIMIT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            found = head.startswith((b"GET /metrics ", b"GET /metrics?"))
            body = render() if found else b"404 page not found\n"
            status = "200 OK" if found else "404 Not Found"
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            writer.write(body)
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a scraper that left or never asked; it will come again
        finally:
            writer.close()

    server = await asyncio.start_server(answer, address, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
