"""The head of a request as HTTP/2 sends it: is it one, and what does it ask for?

Every rule here concerns one stream only. A head that breaks it gets an answer of its own and leaves the connection, and
whoever else uses it, alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Fields = list[tuple[bytes, bytes]]
FIELD_OVERHEAD = 32  # RFC 9113, 6.5.2: what a field counts besides its name and value
BAD_REQUEST = 400
HEAD_TOO_LARGE = 431
NOT_IMPLEMENTED = 501
_AUTHORITY_BYTES = 512
_LENGTH_DIGITS = 15
_PSEUDO = frozenset({b":method", b":scheme", b":authority", b":path", b":protocol"})
_OF_A_CONNECTION = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"(?:[^\0\r\n\t ](?:[^\0\r\n]*[^\0\r\n\t ])?)?")
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{0,19}")
_PATH = re.compile(rb"/[\x21-\x7e]*|\*")
_AUTHORITY = re.compile(rb"[\x21-\x7e]*")


@dataclass(frozen=True, slots=True)
class Head:
    """A head that can be served."""

    method: str
    path: bytes
    """Without the query, escapes as they were sent."""
    query: bytes
    fields: Fields
    """`host` first, then the others in their order; no pseudo-headers."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A head that cannot be."""

    status: int
    """What its sender is told: 400, 431 or 501."""


def read_head(headers: Iterable[tuple[bytes, bytes]], *, max_bytes: int, max_fields: int) -> Head | Refusal:
    """Judge a decoded header list.

    Args:
        headers: Names and values as they came out of HPACK.
        max_bytes: Size of the list as RFC 9113 counts it.
        max_fields: Number of fields, pseudo-headers not counted.
    """
    pseudo: dict[bytes, bytes] = {}
    fields: Fields = [(b"host", b"")]
    size = 0
    for name, value in headers:
        size += len(name) + len(value) + FIELD_OVERHEAD
        if name[:1] == b":":
            if len(fields) > 1 or name in pseudo or name not in _PSEUDO:
                return Refusal(BAD_REQUEST)
            pseudo[name] = value
        else:
            fields.append((bytes(name), bytes(value)))
    if size > max_bytes or len(fields) - 1 > max_fields:
        return Refusal(HEAD_TOO_LARGE)
    if not all(map(_is_field, fields[1:])):
        return Refusal(BAD_REQUEST)
    return _read_request(pseudo, fields)


def is_trailer_section(headers: Iterable[tuple[bytes, bytes]], *, max_bytes: int, max_fields: int) -> bool:
    """Say whether a header list may follow a body."""
    fields = list(headers)
    size = sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in fields)
    return size <= max_bytes and len(fields) <= max_fields and all(map(_is_field, fields))


def _read_request(pseudo: dict[bytes, bytes], fields: Fields) -> Head | Refusal:
    method = pseudo.get(b":method", b"")
    if method == b"CONNECT":
        return Refusal(NOT_IMPLEMENTED)
    target = pseudo.get(b":path", b"")
    authority = _authority(pseudo, fields)
    if (
        authority is None
        or b":protocol" in pseudo
        or _METHOD.fullmatch(method) is None
        or _SCHEME.fullmatch(pseudo.get(b":scheme", b"")) is None
        or _PATH.fullmatch(target) is None
        or not _one_length(fields)
    ):
        return Refusal(BAD_REQUEST)
    fields = [(b"host", authority), *(field for field in fields if field[0] != b"host")]
    path, _, query = target.partition(b"?")
    return Head(str(method, "ascii"), path, query, fields)


def _is_field(field: tuple[bytes, bytes]) -> bool:
    name, value = field
    if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None or name in _OF_A_CONNECTION:
        return False
    return name != b"te" or value.lower() == b"trailers"


def _authority(pseudo: dict[bytes, bytes], fields: Fields) -> bytes | None:
    """Return whom the request is for; None when it does not say, or says two things."""
    named = {value for name, value in fields[1:] if name == b"host"}
    named.update(value for name, value in pseudo.items() if name == b":authority")
    if len(named) != 1:
        return None
    [authority] = named
    return authority if len(authority) <= _AUTHORITY_BYTES and _AUTHORITY.fullmatch(authority) else None


def _one_length(fields: Fields) -> bool:
    """Say whether the body has one length, or none is told."""
    lengths = {value for name, value in fields if name == b"content-length"}
    return len(lengths) <= 1 and all(length.isdigit() and len(length) <= _LENGTH_DIGITS for length in lengths)
