"""From the bytes of a connection to requests, within bounds."""

from __future__ import annotations

from collections import deque

import httptools

from unkey_api.rpc.request_state import Scope
from unkey_api.server.http1.connections import FAR, Bounds
from unkey_api.server.http1.head import (
    FRAMING,
    Fields,
    Peers,
    Refused,
    body_length,
    check_framing,
    scope_of,
    unread_scope,
)
from unkey_api.server.http1.request import Carrier, Request

SLICE_BYTES = 2_048  # given to the parser at once: some hundred chunks of a byte, or seventy requests
FIELD_OVERHEAD = 4  # colon, space, line break
_METHODS: dict[bytes, str] = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}


class Intake:
    """Parses what a connection brings. Knows nothing of answers and never waits."""

    __slots__ = (
        "_bounds",
        "_connection",
        "_crossed",
        "_fields",
        "_framing",
        "_head_at_most",
        "_head_bytes",
        "_parser",
        "_peers",
        "_target",
        "_trailers",
        "arriving",
        "over",
        "ready",
    )

    def __init__(self, connection: Carrier, *, bounds: Bounds, peers: Peers) -> None:
        self._connection = connection
        self._bounds = bounds
        self._peers = peers
        self.ready: deque[Request] = deque()
        """Requests whose heads are complete, in order."""
        self.arriving: Request | None = None
        """The request whose body is incomplete: the last of those in `ready`, or one that is being answered."""
        self.over = False
        """Set when the caller announced that no further request follows."""
        self._target = b""
        self._fields: Fields = []
        self._framing: dict[bytes, bytes] = {}
        self._head_bytes = 0  # of the head being parsed, at least
        self._head_at_most = 0
        self._crossed = False  # whether a head or a body ended in this slice
        self._trailers = 0
        self._parser = httptools.HttpRequestParser(self)

    @property
    def in_head(self) -> bool:
        """Whether a head has begun and is not complete."""
        return self._head_bytes > 0

    @property
    def unread(self) -> Scope | None:
        """What is known of the request whose head is incomplete or refused; None before its target is complete."""
        if not self._fields or self.arriving is not None:
            return None
        method = self._parser.get_method()
        return unread_scope(
            _METHODS.get(method) or method.decode("ascii", "replace"), self._target, self._fields, self._peers
        )

    def close(self) -> None:
        """Let go of the parser and the connection, which hold on to this object."""
        del self._parser, self._connection
        self.ready.clear()
        self.arriving = None

    def feed(self, data: bytes | memoryview) -> int:
        """Parse a slice of `data`, up to the end of the body under way. Returns how much that was.

        Raises:
            Refused: What came is no request that we take. Nothing may be fed any more; requests in `ready` are whole,
                but for `arriving`.
        """
        arriving = self.arriving
        room = SLICE_BYTES if arriving is None or arriving.length < 0 else arriving.length - arriving.received
        size = len(data)
        if size > room:
            data, size = data[:room], room
        self._head_at_most = self._head_bytes + size
        self._crossed = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as change:
            size = change.args[0]
            self._ignore_upgrade()
        except httptools.HttpParserError as err:
            if not self.over:
                raise _refused(err) from None
            return size
        if arriving is not None and self.arriving is arriving:
            arriving.raw_bytes += size
            if arriving.length < 0 and arriving.wordy:
                raise Refused(400, "framing", "The chunks of the body are mostly something else than a body.")
        elif self.arriving is None and (self._target or self._fields or not self._crossed):
            self._measure(size)
        return size

    def _measure(self, size: int) -> None:
        """Refuse a head that is incomplete and too large already."""
        if not self._crossed:
            self._head_bytes += size
        else:
            self._head_bytes = self._exact_head_bytes()
        if self._head_bytes > self._bounds.head_bytes or len(self._fields) > self._bounds.head_fields:
            raise self._head_too_large()

    def _exact_head_bytes(self) -> int:
        return len(self._target) + sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in self._fields)

    def _head_too_large(self) -> Refused:
        if self._target and not self._fields and len(self._target) > self._bounds.head_bytes // 2:
            return Refused(414, "target", f"The request target is longer than {self._bounds.head_bytes} bytes allow.")
        if len(self._fields) > self._bounds.head_fields:
            return Refused(431, "head", f"The request has more than {self._bounds.head_fields} header fields.")
        return Refused(431, "head", f"The head of the request is larger than {self._bounds.head_bytes} bytes.")

    def _ignore_upgrade(self) -> None:
        """Go on as if the caller had not offered to change the protocol: a server may ignore that (RFC 9110, 7.8).

        The parser would read what follows as the other protocol, and after that as requests. A new one is told of a
        head with the same framing, so that a body is read as the body it is.
        """
        request = self.arriving
        if request is None or request.length == 0:
            self._parser = httptools.HttpRequestParser(self)
            self.on_message_complete()
            return
        framing = b"Transfer-Encoding: chunked" if request.length < 0 else b"Content-Length: %d" % request.length
        self._parser = httptools.HttpRequestParser(_InBody(self))
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)

    # what the parser calls

    def on_url(self, target: bytes) -> None:
        """Note a part of the request target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field of the head; those behind a body are counted and dropped."""
        if self.arriving is not None:
            self._trailers += 1
            if self._trailers > self._bounds.head_fields:
                raise Refused(431, "head", f"The request has more than {self._bounds.head_fields} trailer fields.")
            return
        name, value = name.lower(), value.rstrip()
        self._fields.append((name, value))
        if name in FRAMING:
            if name == b"host" and name in self._framing:
                raise Refused(400, "host", "The request has more than one Host header; send exactly one.")
            self._framing[name] = value

    def on_headers_complete(self) -> None:
        """Make a request of the head."""
        fields, framing, target, parser = self._fields, self._framing, self._target, self._parser
        if len(fields) > self._bounds.head_fields or (
            self._head_at_most > self._bounds.head_bytes and self._exact_head_bytes() > self._bounds.head_bytes
        ):
            raise self._head_too_large()
        version = parser.get_http_version()
        check_framing(framing, version)
        method = parser.get_method()
        if method == b"CONNECT":
            raise Refused(501, "method", "CONNECT is not served here: this is no proxy.")
        request = Request(
            self._connection,
            scope_of(
                target=target,
                method=_METHODS.get(method) or method.decode("ascii"),
                version=version,
                fields=fields,
                peers=self._peers,
            ),
            length=body_length(framing),
            keep_alive=parser.should_keep_alive(),
            expects_continue=b"expect" in framing and version == "1.1",
        )
        if parser.should_upgrade():
            request.upgrade = True
        self._target, self._fields, self._framing = b"", [], {}
        self._head_bytes, self._crossed, self._trailers = 0, True, 0
        self.arriving = request
        self.ready.append(request)

    def on_body(self, piece: bytes) -> None:
        """Hand on a piece of the body."""
        if self.arriving is not None:
            self.arriving.take(piece)

    def on_chunk_header(self) -> None:
        """Count a chunk."""
        if self.arriving is not None:
            self.arriving.chunks += 1

    def on_message_complete(self) -> None:
        """Note that the request is complete, unless it is one whose body the parser does not want to see."""
        request = self.arriving
        if request is None:
            return
        if request.upgrade:
            request.upgrade = False
            return
        self.arriving, self._crossed = None, True
        self.over = not request.keep_alive
        request.finish()


class _InBody:
    """What a parser calls that has to be told a head first, to know where the body ends."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._told = False
        self.on_body = intake.on_body
        self.on_chunk_header = intake.on_chunk_header
        self.on_message_complete = intake.on_message_complete

    def on_url(self, target: bytes) -> None:
        """Pass on what is not of our own head."""
        if self._told:
            self._intake.on_url(target)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Pass on what is not of our own head."""
        if self._told:
            self._intake.on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass on what is not of our own head."""
        if self._told:
            self._intake.on_headers_complete()
        self._told = True


def _refused(error: httptools.HttpParserError) -> Refused:
    """Return why the parser stopped."""
    if isinstance(error.__context__, Refused):
        return Refused(*_parts(error.__context__))
    if "PRI" in str(error):  # the parser's word for how HTTP/2 begins
        return Refused(505, "version", "This port speaks HTTP/1.1; HTTP/2 is spoken on another one.")
    return Refused(400, "malformed", f"The request is not valid HTTP/1.1: {error}.")


def _parts(refused: Refused) -> tuple[int, str, str]:
    return refused.refusal.status, refused.refusal.reason, refused.refusal.text


class BodyPace:
    """The clock of one body after the other. It stands while it is us who do not read."""

    __slots__ = ("_began", "_halted")

    def __init__(self) -> None:
        self._began = 0.0
        self._halted = 0.0

    def begin(self, now: float) -> None:
        """Start the clock of the next body."""
        self._began, self._halted = now, 0.0

    def due(self, request: Request, now: float, bounds: Bounds, *, halted: bool) -> float:
        """Return when more must have come; never while it is `halted`."""
        if self._halted:
            self._began += now - self._halted
            self._halted = 0.0
        if halted:
            self._halted = now
            return FAR
        pace = bounds.head_seconds + request.received / bounds.body_bytes_per_second
        return self._began + min(bounds.body_seconds, pace)
