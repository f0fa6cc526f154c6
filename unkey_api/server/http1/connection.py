"""One connection: requests in order and one at a time, each with its answer, none without a limit."""

from __future__ import annotations

import asyncio

from unkey_api.server.http1.answer import refusal
from unkey_api.server.http1.connections import LINGER_SECONDS, TICK_SECONDS, Connections, log
from unkey_api.server.http1.head import Address, Peers, Refusal, Refused
from unkey_api.server.http1.intake import SLICE_BYTES, Intake
from unkey_api.server.http1.output import FAR, Output
from unkey_api.server.http1.request import Request
from unkey_api.server.http1.starting import start

REQUESTS_PER_TURN = 4  # pipelined ones; then other connections have theirs
SLICES_PER_TURN = 2  # of chunked bodies and heads, which may be thousands of chunks of a byte; the same then
SMALL_REST_BYTES = 65_536  # of a body nobody wants, read so that the connection can go on
LINGER_BYTES = 1_048_576
CROWDED = Refusal(503, "crowded", "Too many connections. Try again in a second, or use the ones you have.")
SLOW_HEAD = Refusal(408, "slow_head", "The head of the request did not arrive in time.")
SLOW_BODY = Refusal(408, "slow_body", "The body of the request did not arrive in time.")
FAILED = Refusal(500, "failed", "Internal Server Error")


# What a connection waits for. Plain numbers: members of an enumeration cost a call each time before Python 3.12.
NEW = 0  # its first byte
HEAD = 1  # the rest of a head
BODY = 2  # the rest of a body
BUSY = 3  # an answer of ours
IDLE = 4  # another request
REST = 5  # the rest of a body whose request was answered
LINGER = 6  # the caller to hear that it is over
CLOSED = 7
_SILENCE = {NEW: "new", IDLE: "idle", REST: "rest", LINGER: "linger"}


class Connection(asyncio.Protocol):
    """HTTP/1.1 on one transport.

    After each slice of input the next request is started, and nothing further is parsed until it was answered: what has
    arrived meanwhile is kept as it came, and the transport paused.
    """

    __slots__ = (
        "__weakref__",
        "_body_began",
        "_body_halted",
        "_current",
        "_holder",
        "_intake",
        "_kept",
        "_lingered_bytes",
        "_paused",
        "_pumping",
        "_refusal",
        "_scheme",
        "_transport",
        "deadline",
        "output",
        "phase",
        "shared",
    )

    def __init__(self, shared: Connections, scheme: str = "http", *, holder: str | None = None) -> None:
        """Take what connections share; `holder` is for whom this one counts, when that was settled already."""
        self.shared = shared
        self._scheme = scheme
        self._holder = holder
        self.phase = NEW
        self.deadline = FAR
        """When `expire` has something to do about what the caller should send."""
        self._kept: bytes | memoryview = b""
        self._paused = False
        self._pumping = False
        self._current: Request | None = None
        self._refusal: Refusal | None = None
        self._body_began = 0.0
        self._body_halted = 0.0
        self._lingered_bytes = 0

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or turn it away when there are too many."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream's always
        shared = self.shared
        self.output: Output = Output(shared, self._transport)
        client = _address(transport, "peername")
        self._intake: Intake = Intake(
            self, bounds=shared.bounds, peers=Peers(client, _address(transport, "sockname"), self._scheme)
        )
        if self._holder is None:
            self._holder = shared.admission.enter(client[0] if client else "")
        shared.open.add(self)
        if self._holder is None:
            self._turn_away()
        else:
            self.deadline = shared.now + shared.bounds.head_seconds

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self.phase >= LINGER:
            self._discard(len(data))
            return
        self._kept = data if not self._kept else memoryview(bytes(self._kept) + data)
        self._pump()

    def eof_received(self) -> None:
        """Let the transport close: who does not send any more is taken for gone, as everywhere on the internet."""
        self.output.flush()

    def pause_writing(self) -> None:
        """Note that the caller does not read."""
        self.output.pause()

    def resume_writing(self) -> None:
        """Note that it does again."""
        self.output.resume()
        if self._intake.ready or self._kept:
            self.shared.loop.call_soon(self._pump)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever works for this caller, and let everything go."""
        shared = self.shared
        self.phase = CLOSED
        self.deadline = FAR
        self.output.close()
        shared.open.discard(self)
        if self._holder is not None:
            shared.admission.leave(self._holder)
        if self._current is not None:
            self._current.leave()
            self._current = None
        self._intake.close()
        self._kept = b""

    # what a request calls

    def want_body(self) -> None:
        """Go on reading, when it was halted because nobody wanted more."""
        if not self._pumping and (self._kept or self._paused):
            self.shared.loop.call_soon(self._pump)

    def ends_with(self, request: Request) -> bool:
        """Say whether the answer to this request is the last: the caller must be told in its head."""
        if not request.keep_alive:
            return True
        rest = 0 if request.complete else request.length - request.received
        # A caller that waits for a 100 may or may not send its body now, and of chunks nobody knows how many come.
        if rest and (request.expects_continue or request.length < 0 or rest > SMALL_REST_BYTES):
            return True
        return self.shared.parting and not self._kept and not self._intake.ready

    def answered(self, *, closing: bool, in_peace: bool) -> None:
        """Go on after an answer."""
        self._current = None
        if closing:
            self._end(in_peace=in_peace)
        elif not self._pumping:
            if self._kept or self._intake.ready or self._refusal is not None:
                self.shared.loop.call_soon(self._pump)
            else:
                self._settle()

    # what the other connections' keeper calls

    def expire(self) -> None:
        """Do what is due. Deadlines are set by a clock that is up to one tick behind, so one tick is added."""
        late = self.shared.now - TICK_SECONDS
        if late >= self.output.deadline and self.output.is_stuck():
            self.abort("unread")
            return
        if late < self.deadline or self.phase == CLOSED:
            return
        if self.phase == HEAD:
            self._refuse(SLOW_HEAD)
        elif self.phase == BODY:
            self._break_off(SLOW_BODY)
        else:
            self._close(_SILENCE[self.phase])

    def close_if_idle(self) -> None:
        """Close it unless an answer, or the reading of one, is owed."""
        if self.phase in (NEW, HEAD, IDLE, REST, LINGER) and not self.output.unread:
            self._close("stopped")

    def abort(self, reason: str) -> None:
        """Cut the connection."""
        self.shared.ended[reason] += 1
        self.phase, self.deadline = CLOSED, FAR
        self._transport.abort()

    # requests

    def _pump(self) -> None:
        """Parse and start requests as far as possible."""
        if self._pumping or self.phase >= LINGER:
            return
        self._pumping = True
        started = slices = 0
        intake = self._intake
        while self.phase < LINGER:
            if self._current is None:
                if intake.ready:
                    if self.output.congested or started == REQUESTS_PER_TURN:
                        self._let_others()
                        break
                    started += 1
                    self._begin(intake.ready.popleft())
                    continue
                if self._refusal is not None:
                    self._refuse(self._refusal)
                    break
            if not self._may_parse():
                break
            if slices == SLICES_PER_TURN:
                self._let_others()
                break
            slices += 1
            self._parse()
        self._pumping = False
        if self.phase < LINGER:
            self._settle()

    def _may_parse(self) -> bool:
        """Say whether something has come, and whoever is being answered wants it."""
        current = self._current
        return bool(self._kept) and (current is None or (current is self._intake.arriving and not current.full))

    def _let_others(self) -> None:
        """Go on in the next turn of the loop; when the caller does not read, once it has."""
        if not self.output.congested:
            self.shared.loop.call_soon(self._pump)

    def _parse(self) -> None:
        data = self._kept
        if len(data) > SLICE_BYTES and not isinstance(data, memoryview):
            data = memoryview(data)
        intake = self._intake
        try:
            used = intake.feed(data)
        except Refused as err:
            self._kept = b""
            self._break_off(err.refusal)
            return
        self._kept = b"" if intake.over or used == len(data) else data[used:]
        rest = intake.arriving
        if rest is not None and rest.answered and rest.left_over > SMALL_REST_BYTES:
            self._end(in_peace=False)

    def _break_off(self, why: Refusal) -> None:
        """Refuse what cannot be read on; after the answers to what was complete before it."""
        broken = self._intake.arriving
        if broken is None:
            self._refusal = why
            return
        broken.leave()
        if broken is self._current:
            self._current = None
            self._refuse(why, answerable=not broken.started)
        elif broken.answered:
            self._refuse(why, answerable=False)
        else:
            self._intake.ready.remove(broken)
            self._refusal = why

    def _begin(self, request: Request) -> None:
        self._current = request
        shared = self.shared
        task = start(self._run(request), shared.loop, shared.context.copy())
        if not task.done():
            shared.tasks.add(task)
            task.add_done_callback(shared.tasks.discard)

    async def _run(self, request: Request) -> None:
        try:
            await self.shared.app(request.scope, request.receive, request.send)
            if request.answered or request.gone:
                return
            log.error("the application ended without an answer")
        except Exception as err:  # noqa: BLE001 - the outermost frame of a request
            log.error("the application failed", exc_info=err)
        finally:
            if not request.answered and not request.gone:
                self._give_up(request)

    def _give_up(self, request: Request) -> None:
        """End a request that the application left without an answer, or with half of one."""
        request.leave()
        self._current = None
        self._refuse(FAILED, answerable=not request.started)

    # time and silence

    def _settle(self) -> None:
        """Set the deadline for what is waited for now, and read on unless something is kept."""
        intake, current = self._intake, self._current
        now, bounds = self.shared.now, self.shared.bounds
        before = self.phase
        if current is not None:
            if current is intake.arriving:
                self._expect_body(current, halted=bool(self._kept))
            else:
                self.phase, self.deadline = BUSY, FAR
        elif intake.arriving is not None:
            self.phase = REST
            if before != REST:
                self.deadline = now + LINGER_SECONDS
        elif intake.in_head:
            self.phase = HEAD
            if before not in (NEW, HEAD):
                self.deadline = now + bounds.head_seconds
        else:
            self.phase, self.deadline = IDLE, now + bounds.idle_seconds
        if self._kept or (current is not None and current.full):
            if not self._paused:
                self._paused = True
                self._transport.pause_reading()
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _expect_body(self, request: Request, *, halted: bool) -> None:
        """Give the rest of a body its time; the clock stands while it is us who do not read."""
        now, bounds = self.shared.now, self.shared.bounds
        if self.phase != BODY:
            self.phase, self._body_began, self._body_halted = BODY, now, 0.0
        if self._body_halted:
            self._body_began += now - self._body_halted
            self._body_halted = 0.0
        if halted or request.full:
            self._body_halted = now
            self.deadline = FAR
        else:
            pace = bounds.head_seconds + request.received / bounds.body_bytes_per_second
            self.deadline = self._body_began + min(bounds.body_seconds, pace)

    # ends

    def _turn_away(self) -> None:
        if self.shared.may_tell():
            self._refuse(CROWDED)
        else:
            self.abort(CROWDED.reason)

    def _refuse(self, why: Refusal, *, answerable: bool = True) -> None:
        """Answer in our own words and end the connection. Without an answer where one was begun: then it is cut."""
        self._refusal = None
        if not answerable:
            self.abort(why.reason)
            return
        self.shared.ended[why.reason] += 1
        extra = ((b"retry-after", b"1"),) if why is CROWDED else ()
        self.output.write(refusal(why.status, why.text, date=self.shared.date, extra=extra))
        self._end(in_peace=False)

    def _end(self, *, in_peace: bool) -> None:
        """Close after what was written.

        Not at once, unless nothing can come any more: input on a closed socket makes the kernel reset the connection,
        and the caller may then never see the answer.
        """
        self.output.flush()
        transport = self._transport
        self._kept = b""
        self.output.watch()
        if in_peace or transport.is_closing():
            transport.close()
            self.phase, self.deadline = CLOSED, FAR
            return
        self.phase, self.deadline = LINGER, self.shared.now + LINGER_SECONDS
        if self._paused:
            self._paused = False
            transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()

    def _discard(self, size: int) -> None:
        self._lingered_bytes += size
        if self._lingered_bytes > LINGER_BYTES and self.phase == LINGER:
            self.abort("linger")

    def _close(self, reason: str) -> None:
        if self.output.unread:
            self.output.watch()  # which is what it waits for now
            self.deadline = self.shared.now + LINGER_SECONDS
            return
        self.shared.ended[reason] += 1
        self.phase, self.deadline = CLOSED, FAR
        self._transport.close()


def _address(transport: asyncio.BaseTransport, which: str) -> Address:
    found = transport.get_extra_info(which)
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None
