"""h2's connection, made harder.

h2 answers nearly every mistake with the end of the connection. Here it ends for what spoils the state all streams
share (compression, framing, the connection's own window), and for floods. Any other mistake resets its stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from h2.config import H2Configuration
from h2.connection import AllowedStreamIDs, ConnectionInputs, H2Connection, _decode_headers
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event, PriorityUpdated, StreamEnded, StreamReset
from h2.exceptions import (
    DenialOfServiceError,
    FrameDataMissingError,
    NoSuchStreamError,
    ProtocolError,
    StreamClosedError,
    StreamIDTooLowError,
)
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes, Settings
from h2.stream import H2Stream, StreamClosedBy, StreamInputs, StreamState
from hpack import HeaderTuple
from hyperframe.exceptions import InvalidDataError, InvalidFrameError
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from unkey_api.server.http2.heads import Head, Refusal, is_trailer_section, read_head
from unkey_api.server.http2.meter import Meter
from unkey_api.settings.limits import LimitSettings

HEADER_TABLE_BYTES = 4_096  # of either direction; a larger one would be searched for every field of every answer
TABLE_UPDATES = 2  # RFC 7541, 4.2: more at the start of a block mean nothing
FRAMES_AT_ONCE = 50  # about a millisecond
BLOCK_FACTOR = 2  # blocks up to this many times `head_bytes` are still decoded, to be refused without harm to others
SMALL_DATA_BYTES = 64
FRAMES_PER_REQUEST = 8  # of no use by themselves, that an ordinary client may spend on each of its requests
_HEAD_TYPES = (HeadersFrame.type, ContinuationFrame.type)
_KNOWN_SETTINGS = frozenset(SettingCodes)
_RESET_ALREADY = (StreamClosedBy.SEND_RST_STREAM, StreamClosedBy.RECV_RST_STREAM)

Outcome = tuple[list[Frame], list[Event]]


class RequestBegan(Event):
    """A head that can be served has arrived."""

    def __init__(self, stream_id: int, head: Head) -> None:
        self.stream_id = stream_id
        self.head = head


class BrokenFrame(Frame):
    """A frame whose body makes no sense, on a stream that can be reset for it."""

    stream_association = "has-stream"
    type = None


class Frames(FrameBuffer):
    """Bytes to frames: refuses what is too long before it has arrived, whole blocks of header fields included."""

    def __init__(self, block_bytes: int, control: Meter) -> None:
        super().__init__(server=True)
        self._block_bytes = block_bytes
        self._control = control
        self._left = FRAMES_AT_ONCE
        self.behind = False
        """Whether there are more frames than are dealt with at once."""

    def add_data(self, data: Any) -> None:  # any buffer
        """Take what came; the frames it completes are handed out as far as they are dealt with at once."""
        super().add_data(data)
        self._left, self.behind = FRAMES_AT_ONCE, False

    @property
    def incomplete(self) -> bool:
        """Whether a frame or a head waits for its rest; nothing else can arrive before it."""
        return bool(self._headers_buffer or self._data)

    @property
    def in_head(self) -> bool:
        """Whether that is a head."""
        return bool(self._headers_buffer) or (len(self._data) > 3 and self._data[3] in _HEAD_TYPES)

    def __next__(self) -> Frame:
        """Return the next complete frame."""
        while len(self._data) >= 9:
            try:
                frame, length = Frame.parse_frame_header(memoryview(bytes(self._data[:9])))
            except (InvalidDataError, InvalidFrameError) as err:
                raise ProtocolError(f"Received frame with invalid header: {err}") from err
            self._validate_frame_length(length)
            if len(self._data) < 9 + length:
                break
            if not self._left:
                self.behind = True
                break
            self._left -= 1
            body = bytes(self._data[9 : 9 + length])
            del self._data[: 9 + length]
            whole = self._update_header_buffer(_parsed(frame, body))
            if whole is not None:
                return whole
        raise StopIteration

    def _update_header_buffer(self, f: Frame | None) -> Frame | None:
        if isinstance(f, ContinuationFrame):
            self._control.count()
            held = sum(len(part.data) for part in self._headers_buffer)
            if held + len(f.data) > self._block_bytes:
                raise DenialOfServiceError("a block of header fields without end")
        return super()._update_header_buffer(f)


def _parsed(frame: Frame, body: bytes) -> Frame:
    try:
        frame.parse_body(memoryview(body))
    except (InvalidDataError, InvalidFrameError) as err:
        if isinstance(frame, PriorityFrame | WindowUpdateFrame) and frame.stream_id:
            return BrokenFrame(frame.stream_id)
        if isinstance(err, InvalidDataError):
            raise ProtocolError("Received frame with non-compliant data") from err
        raise FrameDataMissingError("Frame data missing or invalid") from err
    return frame


class HardConnection(H2Connection):
    """The server's side of one HTTP/2 connection."""

    # Each closed stream is 200 bytes; only those to which a client may still be sending have to be known.
    MAX_CLOSED_STREAMS = 1_000

    def __init__(self, limits: LimitSettings, now: Callable[[], float]) -> None:
        # Heads are judged here, stream by stream; h2 would close the connection.
        config = H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=False)
        config.normalize_inbound_headers = False
        super().__init__(config)
        self._limits = limits
        self.resets = Meter(limits.stream_resets, now)
        """Streams that were cancelled by the client or broken by what it sent."""
        self.control = Meter(limits.control_frames, now)
        """Frames that are of no use to any request."""
        self.introduced = False
        """Set when the client has sent its settings, which it has to do first."""
        self.refusing = False
        """Set when no further stream may begin: each is turned away."""
        self.ignoring = False
        """Set when what the client begins is not even turned away: it was told to go for a flood."""
        self.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: limits.streams_per_connection,
                SettingCodes.MAX_HEADER_LIST_SIZE: limits.head_bytes,
            },
        )
        self.decoder.max_header_list_size = BLOCK_FACTOR * limits.head_bytes + HEADER_TABLE_BYTES
        self.frames = Frames(BLOCK_FACTOR * limits.head_bytes, self.control)
        self.incoming_buffer = self.frames
        self._frame_dispatch_table[BrokenFrame] = self._receive_broken_frame

    @property
    def flooded(self) -> bool:
        """Whether the client does what no client needs to do that often."""
        return self.resets.exceeded or self.control.exceeded

    def give_back(self, stream_id: int | None, size: int) -> None:
        """Let the client send so much more: on that stream, or on the whole connection with None."""
        if stream_id is None:
            self._prepare_for_sending(self._room_on_connection(size))
            return
        stream = self.streams.get(stream_id)
        if stream is not None and not stream.closed:
            self._prepare_for_sending(stream.acknowledge_received_data(size))

    def _room_on_connection(self, size: int) -> list[Frame]:
        increment = self._inbound_flow_control_window_manager.process_bytes(size)
        if not increment:
            return []
        update = WindowUpdateFrame(0)
        update.window_increment = increment
        return [update]

    def _receive_frame(self, frame: Frame) -> list[Event]:
        """Deal with a frame. Not by h2's own method, which writes every frame out as text for a log nobody reads."""
        if _is_of_no_use(frame):
            self.control.count()
        try:
            frames, events = self._frame_dispatch_table[type(frame)](frame)
        except ProtocolError as error:
            if not self._concerns_its_stream_alone(frame, error):
                raise
            frames, events = self._break(frame.stream_id, error)
        self._prepare_for_sending(frames)
        for event in events:
            if isinstance(event, StreamReset):
                self.resets.count()
        return [event for event in events if not isinstance(event, PriorityUpdated)]

    def _concerns_its_stream_alone(self, frame: Frame, error: ProtocolError) -> bool:
        if not frame.stream_id or self.state_machine.state.name == "CLOSED":
            return False
        if isinstance(error, DenialOfServiceError | _SharedStateError):
            return False
        known = frame.stream_id in self.streams or frame.stream_id in self._closed_streams
        if isinstance(error, StreamClosedError | StreamIDTooLowError):
            return known
        return known or (isinstance(frame, PriorityFrame) and not isinstance(error, NoSuchStreamError))

    def _break(self, stream_id: int, error: ProtocolError) -> Outcome:
        """Reset a stream for what was sent on it."""
        reset = RstStreamFrame(stream_id)
        reset.error_code = error.error_code
        told = getattr(error, "_events", [])
        if told:
            return [reset], told
        stream = self.streams.get(stream_id)
        if stream is None or stream.state_machine.stream_closed_by in _RESET_ALREADY:
            self.control.count()
            return [reset], []
        stream.state_machine.state = StreamState.CLOSED
        stream.state_machine.stream_closed_by = StreamClosedBy.SEND_RST_STREAM
        return [reset], [StreamReset(stream_id=stream_id, error_code=error.error_code, remote_reset=False)]

    def _receive_broken_frame(self, frame: BrokenFrame) -> Outcome:
        if frame.stream_id > self.highest_inbound_stream_id:
            return [], []
        return self._break(frame.stream_id, ProtocolError("a frame of wrong size or without meaning"))

    def _receive_headers_frame(self, frame: HeadersFrame) -> Outcome:
        headers = self._decode(frame)
        self.state_machine.process_input(ConnectionInputs.RECV_HEADERS)
        if frame.stream_id <= self.highest_inbound_stream_id:
            return self._receive_trailers(frame, headers)
        room = self.open_inbound_streams < self._limits.streams_per_connection
        stream = self._begin_new_stream(frame.stream_id, AllowedStreamIDs.ODD)
        stream.state_machine.process_input(StreamInputs.RECV_HEADERS)
        ended = "END_STREAM" in frame.flags
        events: list[Event] = []
        if ended:
            events = stream.state_machine.process_input(StreamInputs.RECV_END_STREAM)
        if self.ignoring:
            self.resets.count()
            stream.state_machine.state = StreamState.CLOSED
            stream.state_machine.stream_closed_by = StreamClosedBy.SEND_RST_STREAM
            return [], []
        if self.refusing or not room:
            if not self.refusing:
                self.resets.count()
            return stream.reset_stream(ErrorCodes.REFUSED_STREAM), []
        head = read_head(headers, max_bytes=self._limits.head_bytes, max_fields=self._limits.head_fields)
        if isinstance(head, Refusal):
            return self._refuse(stream, head.status, ended=ended), []
        stream._initialize_content_length(headers)  # noqa: SLF001 - h2 is pinned
        if ended:
            stream._track_content_length(0, end_stream=True)  # noqa: SLF001 - h2 is pinned
        self.control.forgive(FRAMES_PER_REQUEST)
        return [], [RequestBegan(frame.stream_id, head), *events]

    def _decode(self, frame: HeadersFrame) -> list[HeaderTuple]:
        """Decode a block. Every one has to be, or those of other streams could not be read any more."""
        if _leading_updates(frame.data) > TABLE_UPDATES:
            raise _SharedStateError("table size updates without end")
        try:
            return [HeaderTuple(*field) for field in _decode_headers(self.decoder, frame.data)]
        except DenialOfServiceError:
            raise
        except ProtocolError as err:
            raise _SharedStateError(str(err)) from err

    def _receive_trailers(self, frame: HeadersFrame, headers: Iterable[HeaderTuple]) -> Outcome:
        stream = self._get_or_create_stream(frame.stream_id, AllowedStreamIDs.ODD)
        fields = list(headers)
        limits = self._limits
        if not is_trailer_section(fields, max_bytes=limits.head_bytes, max_fields=limits.head_fields):
            raise ProtocolError("not a trailer section")
        stream._track_content_length(0, end_stream=True)  # noqa: SLF001 - h2 is pinned
        frames, events = stream.receive_headers([], "END_STREAM" in frame.flags, None)
        return frames, [event for event in events if isinstance(event, StreamEnded)]

    def _refuse(self, stream: H2Stream, status: int, *, ended: bool) -> list[Frame]:
        """Answer a head that cannot be served, without the application."""
        self.resets.count()
        answer = [(b":status", b"%d" % status), (b"content-length", b"0")]
        frames: list[Frame] = [*stream.send_headers(answer, self.encoder, end_stream=True)]
        if not ended:
            frames += stream.reset_stream(ErrorCodes.NO_ERROR)
        return frames

    def _receive_data_frame(self, frame: DataFrame) -> Outcome:
        length = frame.flow_controlled_length
        self.state_machine.process_input(ConnectionInputs.RECV_DATA)
        try:
            self._inbound_flow_control_window_manager.window_consumed(length)
        except ProtocolError as err:
            raise _SharedStateError("the window of the connection was exceeded", ErrorCodes.FLOW_CONTROL_ERROR) from err
        stream = self._get_or_none(frame.stream_id)
        if stream is None:
            return self._handle_data_on_closed_stream([], StreamClosedError(frame.stream_id), frame)
        try:
            return stream.receive_data(frame.data, "END_STREAM" in frame.flags, length)
        except StreamClosedError as err:
            return self._handle_data_on_closed_stream([], err, frame)
        except ProtocolError as err:
            frames, events = self._break(frame.stream_id, err)
            return [*frames, *self._room_on_connection(length)], events

    def _get_or_none(self, stream_id: int) -> H2Stream | None:
        """Return a stream, None for one that is over. Raises `NoSuchStreamError` for one that never began."""
        try:
            return self._get_stream_by_id(stream_id)
        except StreamClosedError:
            return None

    def _handle_data_on_closed_stream(self, events: list[Event], exc: StreamClosedError, frame: DataFrame) -> Outcome:
        if not _is_of_no_use(frame):
            self.control.count()
        return super()._handle_data_on_closed_stream(events, exc, frame)

    def _receive_settings_frame(self, frame: SettingsFrame) -> Outcome:
        wanted = {code: value for code, value in frame.settings.items() if code in _KNOWN_SETTINGS}
        if SettingCodes.HEADER_TABLE_SIZE in wanted:
            wanted[SettingCodes.HEADER_TABLE_SIZE] = min(wanted[SettingCodes.HEADER_TABLE_SIZE], HEADER_TABLE_BYTES)
        frame.settings = wanted
        self.introduced = True
        return super()._receive_settings_frame(frame)

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> Outcome:
        """Note that the client begins nothing further; h2 would not let its running requests be answered."""
        told = ConnectionTerminated()
        told.error_code = frame.error_code
        told.last_stream_id = frame.last_stream_id
        return [], [told]


class _SharedStateError(ProtocolError):
    """What all streams rely on is spoiled: the connection has to end."""

    def __init__(self, message: str, code: ErrorCodes = ErrorCodes.COMPRESSION_ERROR) -> None:
        super().__init__(message)
        self.error_code = code


def _is_of_no_use(frame: Any) -> bool:  # frames of every kind
    if isinstance(frame, DataFrame):
        return len(frame.data) < SMALL_DATA_BYTES and "END_STREAM" not in frame.flags
    return not isinstance(frame, HeadersFrame)


def _leading_updates(block: bytes) -> int:
    """Count the table size updates a block begins with, up to one more than there may be."""
    found = at = 0
    while at < len(block) and block[at] & 0xE0 == 0x20 and found <= TABLE_UPDATES:
        found += 1
        long = block[at] & 0x1F == 0x1F
        at += 1
        while long and at < len(block):
            long = bool(block[at] & 0x80)
            at += 1
    return found
