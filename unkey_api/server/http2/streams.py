"""Requests of one HTTP/2 connection on their way to the application, and its answers on their way back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.h2 import H2Protocol
from hyperframe.frame import GoAwayFrame
from priority.priority import MissingStreamError

from unkey_api.server.http2.frames import HardConnection, RequestBegan
from unkey_api.server.http2.stream import Outgoing, Stream
from unkey_api.server.turns import Share
from unkey_api.settings.limits import LimitSettings

ANY_STREAM = 2**31 - 1
UNREAD_BYTES = 262_144  # of all bodies of a connection together, until the application asks for them
FRAME_BYTES = 65_536  # of an answer in one frame, however large the client allows them to be
LEAVE_SECONDS = 0.000_5  # what a request costs whose client leaves
REQUEST_SECONDS = 0.000_8  # what a request costs at least, of which most is done by tasks that nobody measures
WORTHY_BYTES = 1_024  # a window opened by less than this is one of the frames that are counted
UPDATES_PER_FRAME = 2  # of the windows of stream and connection, for each frame of an answer
REQUEST_TIMEOUT = 408


class Streams(H2Protocol):
    """The streams of one HTTP/2 connection."""

    streams: dict[int, Stream]  # type: ignore[assignment]  # ours instead of hypercorn's
    stream_buffers: dict[int, Outgoing]  # type: ignore[assignment]  # the same
    connection: HardConnection

    def __init__(
        self,
        share: Share,
        limits: LimitSettings,
        *arguments: Any,  # those of hypercorn's class, untouched
    ) -> None:
        super().__init__(*arguments)
        self._share = share
        self._now = asyncio.get_running_loop().time
        self._limits = limits
        self.connection = HardConnection(limits, self._now)
        self._checked = self._now()
        self._owed: dict[int, int] = {}
        self.unread = 0
        """Bytes of bodies the application has not asked for."""
        self.partial_since: float | None = self._now()
        """Since when a frame or a head waits for its rest; nothing else can arrive before it."""
        self._leaving = False
        self.broken = False
        """Set when the client broke what all streams share, or went on with a flood."""

    @property
    def done(self) -> bool:
        """Whether every answer is out."""
        return not self.streams and not self.stream_buffers

    @property
    def behind(self) -> bool:
        """Whether there is more to do about what was received: `handle` wants to be called again, with nothing."""
        return not self.broken and self.connection.frames.behind

    @property
    def reason(self) -> str:
        """Why the connection is to be closed."""
        return "flood" if self.connection.flooded else "broken" if self.broken else "left"

    @property
    def leaving(self) -> bool:
        """Whether the connection is to be closed as soon as it is done."""
        return self._leaving

    def waits_in_vain(self, now: float) -> bool:
        """Say whether an introduction, a head or a frame was begun and is not completed."""
        if self.partial_since is None:
            return False
        limits, frames, introduced = self._limits, self.connection.frames, self.connection.introduced
        patience = limits.body_timeout if introduced and not frames.in_head else limits.head_timeout
        return now - self.partial_since > patience.total_seconds()

    async def send_goaway(self, last_stream: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Tell the client which streams are still answered. Not through h2, for which this would be the end."""
        await self.send(RawData(data=GoAwayFrame(0, last_stream_id=last_stream, error_code=code).serialize()))

    async def refuse_further(self) -> None:
        """Answer what has begun and turn away what comes."""
        self.connection.refusing = True
        await self.send_goaway(self.connection.highest_inbound_stream_id)

    async def handle(self, event: Any) -> None:
        """Pass on what came in, and end what cannot go on."""
        if not isinstance(event, RawData):
            if isinstance(event, Closed):
                await self._leave()
            return
        began = self._share.now()
        try:
            events = self.connection.receive_data(event.data)
        except ProtocolError:
            self.broken = True
            await self._flush()
            await self.send(Closed())
            return
        finally:
            self._share.spend(self._share.now() - began)
        if not self.connection.frames.incomplete and self.connection.introduced:
            self.partial_since = None
        elif self.partial_since is None or events:
            self.partial_since = self._now()
        await self._handle_events(events)
        if self.connection.flooded and not self.connection.ignoring:
            self.connection.ignoring = self._leaving = True
            await self.send_goaway(self.connection.highest_inbound_stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
        if self.connection.ignoring and self.done:
            self.broken = True  # nobody else is on it
            await self.send(Closed())

    async def _leave(self) -> None:
        """Tell every request that its client has left, a few in each turn: all of them have something to do then."""
        self.closed = True
        for stream_id in list(self.streams):
            await self._share.turn(LEAVE_SECONDS)
            self._share.spend(LEAVE_SECONDS)
            await self._close_stream(stream_id)
        for stream_id in list(self.stream_buffers):  # of answers that were given meanwhile: nobody sends them any more
            await self._drop_outgoing(stream_id)
        await self.has_data.set()

    async def took(self, stream_id: int, size: int) -> None:
        """Let the client send as much again as the application took of a body."""
        if not size or self.closed:
            return
        owed = self._owed.pop(stream_id, 0)
        if owed:
            self.connection.give_back(None, owed)
        self.connection.give_back(stream_id, size)
        await self._flush()

    async def check(self, now: float) -> None:
        """End the streams whose client keeps them waiting. Called about once a second."""
        passed, self._checked = now - self._checked, now
        for stream_id, stream in list(self.streams.items()):
            if stream.unread:
                stream.began += passed  # it is the client that waits
            elif not stream.ended and self._comes_too_slowly(now - stream.began, stream.received):
                await self._give_up(stream_id, stream)
        for stream_id, outgoing in list(self.stream_buffers.items()):
            if not outgoing.waiting:
                outgoing.since = now
            elif self._goes_too_slowly(now - outgoing.since, outgoing.sent):
                await self._reset(stream_id, ErrorCodes.CANCEL)

    def _comes_too_slowly(self, seconds: float, size: int) -> bool:
        limits = self._limits
        if seconds > limits.body_timeout.total_seconds():
            return True
        return seconds > limits.head_timeout.total_seconds() and size < seconds * limits.body_bytes_per_second

    def _goes_too_slowly(self, seconds: float, size: int) -> bool:
        return (
            seconds > self._limits.send_timeout.total_seconds() and size < seconds * self._limits.body_bytes_per_second
        )

    async def _give_up(self, stream_id: int, stream: Stream) -> None:
        """Answer a request whose body does not come."""
        if not stream.unanswered:
            await self._reset(stream_id, ErrorCodes.CANCEL)
            return
        answer = [(b":status", b"%d" % REQUEST_TIMEOUT), (b"content-length", b"0")]
        with contextlib.suppress(ProtocolError):
            self.connection.send_headers(stream_id, answer, end_stream=True)
        await self._reset(stream_id, ErrorCodes.NO_ERROR)

    async def _reset(self, stream_id: int, code: ErrorCodes) -> None:
        with contextlib.suppress(ProtocolError):
            self.connection.reset_stream(stream_id, code)
        await self._close_stream(stream_id)
        await self._flush()

    async def _handle_events(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestBegan):
                await self._share.turn(REQUEST_SECONDS)  # the event before it may be that the last one is cancelled
                self._share.spend(REQUEST_SECONDS)
                await self._begin(event)
            elif isinstance(event, DataReceived):
                self._feed(event)
            elif isinstance(event, StreamEnded):
                if (stream := self.streams.get(event.stream_id)) is not None:
                    stream.end()
            elif isinstance(event, StreamReset):
                await self._close_stream(event.stream_id)
            else:
                await self._handle_other(event)
        await self._flush()

    async def _handle_other(self, event: Event) -> None:
        if isinstance(event, WindowUpdated):
            await self._window_updated(event.stream_id)
        elif isinstance(event, RemoteSettingsChanged):
            if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
                await self._window_updated(None)
        elif isinstance(event, ConnectionTerminated):
            self.connection.refusing = self._leaving = True
            if event.error_code != ErrorCodes.NO_ERROR or self.done:
                await self.send(Closed())

    async def _begin(self, event: RequestBegan) -> None:
        if self.closed:
            return
        stream_id = event.stream_id
        now = self._now()
        stream = self.streams[stream_id] = Stream(self, stream_id, now)
        outgoing = self.stream_buffers[stream_id] = Outgoing(self.context.event_class)
        outgoing.since = now
        self.priority.insert_stream(stream_id)
        self.priority.block(stream_id)
        await self.send(Updated(idle=False))
        await stream.start(event.head)

    def _feed(self, event: DataReceived) -> None:
        """Keep a piece of a body. The connection's window is given back at once, unless too much waits already.

        A body nobody asks for would otherwise stop those of all other streams.
        """
        stream = self.streams.get(event.stream_id)
        size = event.flow_controlled_length
        if stream is None:
            self.connection.give_back(None, size)
            self.connection.give_back(event.stream_id, size)
            return
        padding = size - len(event.data)
        if padding:
            self.connection.give_back(event.stream_id, padding)
        if self.unread + size <= UNREAD_BYTES:
            self.connection.give_back(None, size)
        else:
            self._owed[event.stream_id] = self._owed.get(event.stream_id, 0) + size
        if event.data:
            stream.feed(event.data)

    async def _send_data(self, stream_id: int) -> None:
        outgoing = self.stream_buffers.get(stream_id)
        if outgoing is None:
            with contextlib.suppress(MissingStreamError):
                self.priority.remove_stream(stream_id)
            return
        try:
            room = min(
                self.connection.local_flow_control_window(stream_id),
                self.connection.max_outbound_frame_size,
                FRAME_BYTES,
            )
            data = await outgoing.pop(room)
            if data:
                self.connection.send_data(stream_id, data)
                if len(data) >= WORTHY_BYTES or not outgoing.waiting:
                    self.connection.control.forgive(UPDATES_PER_FRAME)
                await self._flush()
            else:
                self.priority.block(stream_id)
            if outgoing.complete:
                self.connection.end_stream(stream_id)
                await self._flush()
                await self._drop_outgoing(stream_id)
        except (ProtocolError, KeyError, MissingStreamError):
            await self._drop_outgoing(stream_id)

    async def _drop_outgoing(self, stream_id: int) -> None:
        outgoing = self.stream_buffers.pop(stream_id, None)
        if outgoing is not None:
            await outgoing.close()
        with contextlib.suppress(MissingStreamError):
            self.priority.remove_stream(stream_id)

    async def _close_stream(self, stream_id: int) -> None:
        """Forget a stream; one whose answer came before the end of its request is told that nothing else is read."""
        stream = self.streams.pop(stream_id, None)
        owed = self._owed.pop(stream_id, 0)
        if owed:
            self.connection.give_back(None, owed)
        if stream is None:
            return
        stream.leave()
        if not stream.ended:
            with contextlib.suppress(ProtocolError):
                self.connection.reset_stream(stream_id, ErrorCodes.NO_ERROR)
        outgoing = self.stream_buffers.get(stream_id)
        if outgoing is not None and not outgoing.complete:
            await self._drop_outgoing(stream_id)
        await self.has_data.set()
