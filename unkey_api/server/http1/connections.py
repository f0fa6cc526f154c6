"""What the connections of one worker share: limits, the clock hand, the counts, the stop, and how answers go out.

The answers of one turn of the loop leave together, each by the outgoing half of its connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Protocol

from unkey_api.core.clock import Clock
from unkey_api.rpc.request_state import Scope
from unkey_api.server.listeners import Admission
from unkey_api.server.turns import Turns
from unkey_api.settings.limits import LimitSettings

Asgi = Callable[[Any, Any, Any], Awaitable[None]]  # scope, receive, send; events are mappings with values of any kind
Form = Callable[[Scope, int, str], tuple[bytes, bytes] | None]
"""Puts a status and a sentence into the words of the application: content type and body.

Takes the scope of a request, or what is known of one that never was; returns None when it has no words of its own.
"""
TICK_SECONDS = 0.5
TOGETHER_BYTES = 65_536  # answers kept for the end of the turn
FAR = float("inf")
TURNED_AWAY_AT_ONCE = 256  # connections over the limit that are told so; more are just closed

log = logging.getLogger(__name__)


def no_form(_scope: Scope, _status: int, _text: str) -> None:
    """Leave every refusal in plain text."""
    return


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits in the units the protocol counts in: bytes and seconds."""

    head_bytes: int
    head_fields: int
    head_seconds: float
    body_seconds: float
    body_bytes_per_second: int
    idle_seconds: float
    send_seconds: float
    body_ahead_bytes: int
    chunk_overhead_bytes: int
    linger_seconds: float
    linger_bytes: int

    @classmethod
    def of(cls, limits: LimitSettings) -> Bounds:
        """Take them from the settings."""
        return cls(
            head_bytes=limits.head_bytes,
            head_fields=limits.head_fields,
            head_seconds=limits.head_timeout.total_seconds(),
            body_seconds=limits.body_timeout.total_seconds(),
            body_bytes_per_second=limits.body_bytes_per_second,
            idle_seconds=limits.idle_timeout.total_seconds(),
            send_seconds=limits.send_timeout.total_seconds(),
            body_ahead_bytes=limits.body_ahead_bytes,
            chunk_overhead_bytes=limits.chunk_overhead_bytes,
            linger_seconds=limits.linger_timeout.total_seconds(),
            linger_bytes=limits.linger_bytes,
        )


class Kept(Protocol):
    """A connection, as far as all of them are kept together."""

    deadline: float
    output: Output

    def expire(self) -> None:
        """Do what is due."""
        ...

    def close_if_idle(self) -> None:
        """Close it unless an answer, or the reading of one, is owed."""
        ...

    def abort(self, reason: str) -> None:
        """Cut the connection."""
        ...


class Connections:
    """All connections of one listener in one worker.

    One timer looks at every deadline: setting and cancelling a timer per request would cost more than most of what a
    request does, and half a second more or less is nothing to a limit of seconds. `now` is the time of its last turn.
    """

    def __init__(
        self,
        app: Asgi,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        bounds: Bounds,
        admission: Admission,
        turns: Turns | None = None,
        form: Form = no_form,
    ) -> None:
        self.app = app
        self.form = form
        self.turns = turns or Turns(clock)
        """Shares the turns of the loop with every other connection of the worker."""
        self.monotonic = clock.monotonic
        self.loop = loop
        self.bounds = bounds
        self.admission = admission
        self.context = Context()
        """Copied for each request, so that none finds what another one set."""
        self.open: set[Kept] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        """Requests that wait for something."""
        self.handshakes: set[asyncio.Task[None]] = set()
        """Connections that do not speak TLS yet."""
        self.ended: Counter[str] = Counter()
        """Connections we ended, by the reason."""
        self.parting = False
        """Set when the worker stops: every answer is the last of its connection."""
        self.now = clock.monotonic()
        self.date = b""
        self._clock = clock
        self._outgoing: list[Output] = []
        self._timer: asyncio.TimerHandle | None = None
        self._read_clock()

    def start(self) -> None:
        """Start looking at deadlines."""
        self._timer = self.loop.call_later(TICK_SECONDS, self._turn)

    def stop(self) -> None:
        """Stop looking at deadlines."""
        if self._timer is not None:
            self._timer.cancel()

    def tick(self) -> None:
        """Look at every deadline now."""
        self._read_clock()
        now = self.now
        for connection in [each for each in self.open if now >= each.deadline or now >= each.output.deadline]:
            connection.expire()

    def may_tell(self) -> bool:
        """Say whether one more connection over the limit may be told so; beyond a number they are just closed."""
        return len(self.open) - self.admission.in_all <= TURNED_AWAY_AT_ONCE

    def enqueue(self, output: Output) -> None:
        """Send what a connection has to say at the end of this turn of the loop.

        The answers of one turn leave together: a client that is woken by the first of them finds the others there.
        """
        if not self._outgoing:
            self.loop.call_soon(self._send_out)
        self._outgoing.append(output)

    def close_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for handshake in list(self.handshakes):
            handshake.cancel()
        for connection in list(self.open):
            connection.close_if_idle()

    def abort(self) -> None:
        """Cut what is left and cancel its requests."""
        for handshake in list(self.handshakes):
            handshake.cancel()
        for connection in list(self.open):
            connection.abort("stopped")
        for task in list(self.tasks):
            task.cancel()

    def _turn(self) -> None:
        self.start()
        self.tick()

    def _read_clock(self) -> None:
        self.now = self._clock.monotonic()
        self.date = b"date: " + formatdate(self._clock.now_ms() / 1000, usegmt=True).encode()

    def _send_out(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        for output in outgoing:
            output.flush()


class Output:
    """The outgoing half of a connection."""

    __slots__ = (
        "_bytes",
        "_closed",
        "_pieces",
        "_relief",
        "_shared",
        "_transport",
        "_unread_bytes",
        "congested",
        "deadline",
    )

    def __init__(self, shared: Connections, transport: asyncio.Transport) -> None:
        self._shared = shared
        self._transport = transport
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._unread_bytes = 0
        self._relief: asyncio.Event | None = None
        self._closed = False
        self.congested = False
        """Whether answers pile up because the caller does not read."""
        self.deadline = FAR
        """When the caller must have read something."""

    @property
    def unread(self) -> bool:
        """Whether something was written that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size() > 0

    def write(self, data: bytes) -> None:
        """Send, at the end of this turn of the loop or once enough has come together. Ignored once closed."""
        if self._closed:
            return
        if not self._pieces:
            self._shared.enqueue(self)
        self._pieces.append(data)
        self._bytes += len(data)
        if self._bytes > TOGETHER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits to be written."""
        pieces = self._pieces
        if pieces:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._bytes = 0
            if not self._transport.is_closing():
                self._transport.write(data)

    def pause(self) -> None:
        """Note that the caller does not read."""
        self.congested = True
        self.watch()

    def resume(self) -> None:
        """Note that the caller has read."""
        self.congested = False
        self.deadline = FAR
        self._relieve()

    async def until_read(self) -> None:
        """Return once the caller has read enough for more, or has left."""
        if self._relief is None:
            self._relief = asyncio.Event()
        while self.congested and not self._closed:
            self._relief.clear()
            await self._relief.wait()

    def watch(self) -> None:
        """Give the caller time to read a part of what was written."""
        if self.deadline == FAR:
            self._unread_bytes = self._transport.get_write_buffer_size()
            if self._unread_bytes:
                self.deadline = self._shared.now + self._shared.bounds.send_seconds

    def is_stuck(self) -> bool:
        """Say, when the time is over, whether the caller has read next to nothing; if not, it has that time again."""
        bounds = self._shared.bounds
        unread = self._transport.get_write_buffer_size()
        if unread and self._unread_bytes - unread < bounds.body_bytes_per_second * bounds.send_seconds:
            return True
        self.deadline = FAR
        self.watch()
        return False

    def close(self) -> None:
        """Let go of what nobody will read."""
        self._closed = True
        self.deadline = FAR
        self._pieces.clear()
        self._relieve()

    def _relieve(self) -> None:
        if self._relief is not None:
            self._relief.set()
