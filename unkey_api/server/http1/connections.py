"""What the connections of one worker share: limits, the clock hand, the outgoing answers, the counts, the stop."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from unkey_api.core.clock import Clock
from unkey_api.server.admission import Admission
from unkey_api.server.http1.refusals import Form, no_form
from unkey_api.server.turns import Turns
from unkey_api.settings.limits import LimitSettings

if TYPE_CHECKING:
    from unkey_api.server.http1.connection import Connection
    from unkey_api.server.http1.output import Output

Asgi = Callable[[Any, Any, Any], Awaitable[None]]  # scope, receive, send; events are mappings with values of any kind
TICK_SECONDS = 0.5
TURNED_AWAY_AT_ONCE = 256  # connections over the limit that are told so; more are just closed

log = logging.getLogger(__name__)


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
        self.open: set[Connection] = set()
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
