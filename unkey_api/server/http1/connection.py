"""One connection: requests in order and one at a time, each with its answer, none without a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from unkey_api.rpc.request_state import Scope
from unkey_api.server.http1.connections import FAR, TICK_SECONDS, Connections, Output, log
from unkey_api.server.http1.head import CROWDED, FAILED, SLOW_BODY, SLOW_HEAD, Refusal, Refused, answer_to, peers_of
from unkey_api.server.http1.intake import SLICE_BYTES, BodyPace, Intake
from unkey_api.server.http1.request import Request
from unkey_api.server.http1.starting import start

REQUESTS_PER_TURN = SLICES_PER_TURN = 4  # pipelined ones, and of chunked bodies and heads; then others have theirs
SMALL_REST_BYTES = 65_536  # of a body nobody wants, read so that the connection can go on

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
        "_current",
        "_holder",
        "_in_line",
        "_intake",
        "_kept",
        "_lingered_bytes",
        "_pace",
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
        self._in_line = False
        self._current: Request | None = None
        self._refusal: tuple[Refusal, Scope | None] | None = None
        self._pace = BodyPace()
        self._lingered_bytes = 0

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or turn it away when there are too many."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream's always
        shared = self.shared
        self.output: Output = Output(shared, self._transport)
        peers = peers_of(transport, self._scheme)
        self._intake: Intake = Intake(self, bounds=shared.bounds, peers=peers)
        if self._holder is None:
            self._holder = shared.admission.enter(peers.client[0] if peers.client else "")
        shared.open.add(self)
        if self._holder is None:
            self._turn_away()
        else:
            self.deadline = shared.now + shared.bounds.head_seconds

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self.phase >= LINGER:
            self._lingered_bytes += len(data)
            if self.phase == LINGER and self._lingered_bytes > self.shared.bounds.linger_bytes:
                self.abort("linger")
            return
        self._kept = data if not self._kept else memoryview(bytes(self._kept) + data)
        if not self._in_line:
            self._pump()
        elif not self._paused:  # only now: most of those in line send nothing more, and each change is a system call
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Let the transport close: who does not send any more is taken for gone, as everywhere on the internet."""
        self.output.flush()

    def pause_writing(self) -> None:
        """Take note that the caller does not read."""
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
        if late < self.deadline or self.phase == CLOSED or self._in_line:
            return
        if self.phase == HEAD:
            self._refuse(SLOW_HEAD)
        elif self.phase == BODY:
            self._break_off(SLOW_BODY)
        else:
            self._close(_SILENCE[self.phase])

    def close_if_idle(self) -> None:
        """Close it unless an answer, or the reading of one, is owed."""
        if self.phase in (NEW, HEAD, IDLE, REST, LINGER) and not self._in_line and not self.output.unread:
            self._close("stopped")

    def abort(self, reason: str) -> None:
        """Cut the connection."""
        self.shared.ended[reason] += 1
        self.phase, self.deadline = CLOSED, FAR
        self._transport.abort()

    # requests

    def _pump(self) -> None:
        """Parse and start requests as far as possible, or when it is this caller's turn."""
        if self._pumping or self._in_line or self.phase >= LINGER:
            return
        go_on = self._work if self.shared.turns.may_go(self._party) else self._stand_in_line
        go_on()

    @property
    def _party(self) -> Hashable:
        """Whose share of the loop this takes: that of the address, or of this connection where it is a proxy's."""
        return self._holder or self

    def _stand_in_line(self) -> None:
        """Go on when it is this caller's turn; when it does not read what it is told, once it has."""
        if not self.output.congested:
            self._in_line = True
            self.shared.turns.wait(self._party, self._have_turn)

    def _have_turn(self) -> None:
        self._in_line = False
        if not self._pumping and self.phase < LINGER:
            self._work()

    def _work(self) -> None:
        """Parse and start requests, not more than others can wait for."""
        self._pumping = True
        began = self.shared.monotonic()
        started = slices = 0
        intake = self._intake
        while self.phase < LINGER:
            if self._current is None:
                if intake.ready:
                    if self.output.congested or started == REQUESTS_PER_TURN:
                        self._stand_in_line()
                        break
                    started += 1
                    self._begin(intake.ready.popleft())
                    continue
                if self._refusal is not None:
                    self._refuse(self._refusal[0], scope=self._refusal[1])
                    break
            if not self._may_parse():
                break
            if slices == SLICES_PER_TURN:
                self._stand_in_line()
                break
            slices += 1
            self._parse()
        self._pumping = False
        self.shared.turns.spend(self._party, self.shared.monotonic() - began)
        if self.phase < LINGER:
            self._settle()

    def _may_parse(self) -> bool:
        """Say whether something has come, and whoever is being answered wants it."""
        current = self._current
        return bool(self._kept) and (current is None or (current is self._intake.arriving and not current.full))

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
            self._refusal = (why, None)
            return
        broken.leave()
        if broken is self._current:
            self._current = None
            self._refuse(why, answerable=not broken.started, scope=broken.scope)
        elif broken.answered:
            self._refuse(why, answerable=False)
        else:
            self._intake.ready.remove(broken)
            self._refusal = (why, broken.scope)

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
        self._refuse(FAILED, answerable=not request.started, scope=request.scope)

    # time and silence

    def _settle(self) -> None:
        """Set the deadline for what is waited for now, and read on unless something is kept."""
        intake, current = self._intake, self._current
        now, bounds = self.shared.now, self.shared.bounds
        before = self.phase
        if current is not None:
            if current is intake.arriving:
                self._expect_body(current)
            else:
                self.phase, self.deadline = BUSY, FAR
        elif intake.arriving is not None:
            self.phase = REST
            if before != REST:
                self.deadline = now + bounds.linger_seconds
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

    def _expect_body(self, request: Request) -> None:
        if self.phase != BODY:
            self.phase = BODY
            self._pace.begin(self.shared.now)
        halted = bool(self._kept) or request.full
        self.deadline = self._pace.due(request, self.shared.now, self.shared.bounds, halted=halted)

    # ends

    def _turn_away(self) -> None:
        if self.shared.may_tell():
            self._refuse(CROWDED)
        else:
            self.abort(CROWDED.reason)

    def _refuse(self, why: Refusal, *, answerable: bool = True, scope: Scope | None = None) -> None:
        """Answer in our own words and end the connection. Without an answer where one was begun: then it is cut.

        `scope` is that of the request this is the answer to, when its head was complete.
        """
        self._refusal = None
        if not answerable:
            self.abort(why.reason)
            return
        self.shared.ended[why.reason] += 1
        self.output.write(answer_to(scope or self._intake.unread, why, self.shared.form, date=self.shared.date))
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
        self.phase, self.deadline = LINGER, self.shared.now + self.shared.bounds.linger_seconds
        if self._paused:
            self._paused = False
            transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()

    def _close(self, reason: str) -> None:
        if self.output.unread:
            self.output.watch()  # which is what it waits for now
            self.deadline = self.shared.now + self.shared.bounds.linger_seconds
            return
        self.shared.ended[reason] += 1
        self.phase, self.deadline = CLOSED, FAR
        self._transport.close()
