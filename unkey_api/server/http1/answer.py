"""Answers as bytes: the head, and the form of the body that its head promises."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus

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


class BrokenAnswer(RuntimeError):
    """The application sent something that cannot be put on the wire: a mistake of ours, never of the caller."""


AnswerHead = tuple[bytes, int, bool]
"""The head; the bytes of body that follow it, or `CHUNKED`, `UNTIL_CLOSE`, or `NO_BODY` when none must be sent; and
whether the connection ends with this answer. A tuple, because every request makes one."""


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
