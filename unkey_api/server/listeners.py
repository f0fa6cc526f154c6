"""What the listeners of a worker have in common.

Every listener stops in the same steps, so that nobody who was let in is left without an answer:

1. New connections are turned away, those already established are still taken in.
2. Whoever is connected is told to go with the next answer. Requests that were on their way when the stop began arrive
   and are answered; that is what `lingering` is for.
3. Idle connections are closed, running requests have the rest of the budget.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from socket import socket
from typing import Any, Protocol

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
