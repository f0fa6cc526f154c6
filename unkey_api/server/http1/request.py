"""One request as the application sees it, ASGI's `receive` and `send`, and its answer as bytes.

The head and the form of the body that its head promises are written together.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from unkey_api.rpc.request_state import Event
from unkey_api.server.http1.connections import Connections, Output

OVERHEAD_PER_CHUNK = 16  # bytes; more than that are no size of a chunk
FIRST_STATUS, LAST_STATUS = 200, 599
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}
_TOKEN = re.compile(rb"[0-9a-z!#$%&'*+\-.^_`|~]+")
_KNOWN_NAMES = 512  # an application makes up few names; if one does not, they are looked at each time
_PLAIN, _LENGTH, _CODING, _CONNECTION, _DATE = range(5)
_SPECIAL = {b"content-length": _LENGTH, b"transfer-encoding": _CODING, b"connection": _CONNECTION, b"date": _DATE}
_END = (b"", b"")  # the end of the last line, and the empty one
BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CHUNKED = -1
UNTIL_CLOSE = -2
NO_BODY = -3
AnswerHead = tuple[bytes, int, bool]
"""The head; the bytes of body that follow it, or `CHUNKED`, `UNTIL_CLOSE`, or `NO_BODY` when none must be sent; and
whether the connection ends with this answer. A tuple, because every request makes one."""


class BrokenAnswer(RuntimeError):
    """The application sent something that cannot be put on the wire: a mistake of ours, never of the caller."""


class Carrier(Protocol):
    """The connection of a request, as far as the request has to do with it."""

    shared: Connections
    output: Output

    def want_body(self) -> None:
        """Go on reading."""
        ...

    def ends_with(self, request: Request) -> bool:
        """Say whether the answer to this request is the last."""
        ...

    def answered(self, *, closing: bool, in_peace: bool) -> None:
        """Go on after an answer."""
        ...


class Request:
    """A request from its head to the end of its answer. Made by the connection, never reused."""

    __slots__ = (
        "_bounds",
        "_closing",
        "_connection",
        "_form",
        "_news",
        "_pieces",
        "_start",
        "_waiting",
        "answered",
        "buffered",
        "chunks",
        "complete",
        "delivered",
        "expects_continue",
        "gone",
        "keep_alive",
        "left",
        "left_over",
        "length",
        "raw_bytes",
        "received",
        "scope",
        "started",
        "upgrade",
    )

    def __init__(
        self, connection: Carrier, scope: Event, *, length: int, keep_alive: bool, expects_continue: bool
    ) -> None:
        self._connection = connection
        self._bounds = connection.shared.bounds
        self.scope = scope
        self.length = length
        """Bytes of body announced; -1 for chunks."""
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.upgrade = False
        """Whether the parser takes what follows for another protocol, which nobody speaks here."""
        self.complete = False
        """The whole body has arrived."""
        self.delivered = False
        """The application has got the end of the body."""
        self.gone = False
        """The caller has left, or the request was refused half-way: nobody hears an answer."""
        self.answered = False
        """The whole answer has been given."""
        self.received = 0
        self.buffered = 0
        self.raw_bytes = 0
        self.chunks = 0
        self.left_over = 0
        """Bytes of body that came after the answer."""
        self.left = 0
        """Bytes of body the answer still owes."""
        self._pieces: list[bytes] = []
        self._start: Event | None = None
        self.started = False
        """A part of the answer is on its way."""
        self._form = 0
        self._closing = False
        self._news: asyncio.Event | None = None
        self._waiting = 0

    # what the connection tells

    def take(self, piece: bytes) -> None:
        """Take a piece of the body. Dropped once the answer is out."""
        size = len(piece)
        self.received += size
        if self.answered:
            self.left_over += size
        elif not self.gone:
            self.buffered += size
            self._pieces.append(piece)
            if self._waiting:
                self._wake()

    def finish(self) -> None:
        """Note that the body is complete."""
        self.complete = True
        if self._waiting:
            self._wake()

    def leave(self) -> None:
        """Note that the caller has left."""
        self.gone = True
        self._pieces.clear()
        if self._waiting:
            self._wake()

    @property
    def full(self) -> bool:
        """Whether more was sent than the application has asked for."""
        return self.buffered >= self._bounds.body_ahead_bytes and not self._waiting

    @property
    def wordy(self) -> bool:
        """Whether the body is mostly something else than a body."""
        needed = 3 * self.received + OVERHEAD_PER_CHUNK * self.chunks
        return self.raw_bytes - needed > self._bounds.chunk_overhead_bytes

    # what the application calls

    async def receive(self) -> Event:
        """Return the next part of the body, or wait for the caller to leave once all of it was returned."""
        while True:
            if self.gone or self.answered:
                return {"type": "http.disconnect"}
            if self._pieces or (self.complete and not self.delivered):
                return self._next_part()
            await self._wait()

    def _next_part(self) -> Event:
        body = b"".join(self._pieces)
        self._pieces.clear()
        self.buffered = 0
        self.delivered = self.complete
        if not self.complete:
            self._connection.want_body()
        return {"type": "http.request", "body": body, "more_body": not self.complete}

    async def _wait(self) -> None:
        if not self.complete:
            if self.expects_continue and not self.received:
                self.expects_continue = False
                self._connection.output.write(CONTINUE)
            self._connection.want_body()
        if self._news is None:
            self._news = asyncio.Event()
        self._news.clear()
        self._waiting += 1
        try:
            await self._news.wait()
        finally:
            self._waiting -= 1

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()

    async def send(self, event: Event) -> None:
        """Take the next part of the answer. The head waits for the first piece of the body: one write for both."""
        if self.gone:
            return
        kind = event["type"]
        if kind == "http.response.body":
            self._send_body(event.get("body", b""), more=event.get("more_body", False))
            output = self._connection.output
            if output.congested:
                await output.until_read()
        elif kind == "http.response.start":
            if self._start is not None:
                raise BrokenAnswer("the answer was started twice")
            if not FIRST_STATUS <= event["status"] <= LAST_STATUS:
                raise BrokenAnswer(f"{event['status']} is no status of an answer")
            self._start = event
        else:
            raise BrokenAnswer(f"{kind} is no event of an HTTP/1.1 answer")

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if self._start is None or self.answered:
            raise BrokenAnswer("a body outside of an answer")
        if self.started:
            data = self._framed(body)
            if not more and self._form == CHUNKED:
                data += LAST_CHUNK
        else:
            data = self._begin(self._start, body, more=more)
        if data:
            self._connection.output.write(data)
        if not more:
            self._end()

    def _begin(self, start: Event, body: bytes, *, more: bool) -> bytes:
        scope, status, connection = self.scope, start["status"], self._connection
        head, self._form, self._closing = encode_head(
            status,
            start.get("headers", ()),
            date=connection.shared.date,
            version=scope["http_version"],
            bodiless=scope["method"] == "HEAD" or status in BODILESS,
            closing=connection.ends_with(self),
            whole=None if more else len(body),
        )
        self.left = self._form
        self.started = True
        return head + self._framed(body) if body else head

    def _framed(self, body: bytes) -> bytes:
        form = self._form
        if form >= 0:
            self.left -= len(body)
            if self.left < 0:
                raise BrokenAnswer("the body of the answer is longer than its content-length")
        elif form == CHUNKED:
            return chunk(body)
        elif form == NO_BODY:
            return b""
        return body

    def _end(self) -> None:
        if self.left > 0:
            raise BrokenAnswer("the body of the answer is shorter than its content-length")
        self.answered = True
        if self._waiting:
            self._wake()
        # At peace is a caller that knows that this was all, and sends nothing more.
        in_peace = self.complete and (not self.keep_alive or self._form == UNTIL_CLOSE)
        self._connection.answered(closing=self._closing, in_peace=in_peace)


def encode_head(
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    date: bytes,
    version: str,
    bodiless: bool,
    closing: bool,
    whole: int | None,
) -> AnswerHead:
    """Write an answer's head.

    Args:
        status: HTTP status, 200 to 599.
        headers: As ASGI has them, names in lower case. Framing and `connection` are decided here.
        date: A whole `date` line, without its end, as all lines here.
        version: `1.1` or `1.0`, that of the request.
        bodiless: No body follows whatever the headers say: the answer to a HEAD, a 204, a 304.
        closing: The connection ends with this answer.
        whole: Size of the body when all of it is there, None when more may come.

    Raises:
        BrokenAnswer: A name or value that would break the framing, or a length that is not that of the body.
    """
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status, date]
    declared: bytes | None = None
    for name, value in headers:
        kind, prefix = _kind_of(name)
        if kind == _PLAIN:
            lines.append(prefix + value)
        elif kind == _LENGTH:
            declared = value
        elif kind == _CONNECTION:
            closing = closing or b"close" in value.lower()
        elif kind == _DATE:
            lines[1] = b"date: " + value
    length = _frame(lines, declared, whole=whole, bodiless=bodiless, status=status, version=version)
    closing = closing or length == UNTIL_CLOSE
    if closing:
        lines.append(b"connection: close")
    elif version == "1.0":
        lines.append(b"connection: keep-alive")
    breaks = len(lines) + 1
    lines += _END
    data = b"\r\n".join(lines)
    if data.count(b"\n") != breaks or data.count(b"\r") != breaks or 0 in data:
        raise BrokenAnswer("a header of the answer holds a line break or a NUL")
    return data, length, closing


def chunk(body: bytes) -> bytes:
    """Return one chunk; nothing for no bytes, which would mean the end."""
    return b"%x\r\n%b\r\n" % (len(body), body) if body else b""


def refusal(
    status: int, content_type: bytes, body: bytes, *, date: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    """Return a whole answer after which the connection is closed."""
    headers = [(b"content-type", content_type), (b"x-content-type-options", b"nosniff"), *extra]
    head, _, _ = encode_head(status, headers, date=date, version="1.1", bodiless=False, closing=True, whole=len(body))
    return head + body


def _frame(
    lines: list[bytes], declared: bytes | None, *, whole: int | None, bodiless: bool, status: int, version: str
) -> int:
    """Add the line that tells where the body ends. Returns the length as `AnswerHead` has it."""
    if bodiless:
        if declared is None and whole and status not in BODILESS:
            declared = b"%d" % whole  # to a HEAD: what a GET would be told
        if declared is not None and status != HTTPStatus.NO_CONTENT:
            lines.append(b"content-length: " + declared)
        return NO_BODY
    if whole is not None:
        if declared is not None and declared != b"%d" % whole:
            raise BrokenAnswer(f"content-length says {declared!r}, the body has {whole} bytes")
        lines.append(b"content-length: %d" % whole)
        return whole
    if declared is not None:
        if not declared.isdigit():
            raise BrokenAnswer(f"{declared!r} is no content-length")
        lines.append(b"content-length: " + declared)
        return int(declared)
    if version == "1.0":
        return UNTIL_CLOSE
    lines.append(b"transfer-encoding: chunked")
    return CHUNKED


@lru_cache(maxsize=_KNOWN_NAMES)
def _kind_of(name: bytes) -> tuple[int, bytes]:
    """Return what kind of header that is, and the beginning of its line."""
    lowered = name.lower()
    if not _TOKEN.fullmatch(lowered):
        raise BrokenAnswer(f"{name!r} is no name of a header")
    return _SPECIAL.get(lowered, _PLAIN), lowered + b": "
