"""JSON as callers write it to what we work with."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import orjson

from unkey_api.core.errors import Violation
from unkey_api.core.text import shorten

_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # both halves of a character
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",  # one half; anything else
    re.DOTALL,
)
_REPLACEMENT = rb"\ufffd"
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_LONGEST_ESCAPE = 12
SLICE_BYTES = 65_536
"""Looked at in one go; in between other threads get their turn."""
NAMED_BYTES_MAX = 1_048_576
"""Only in texts up to this size the member with an impossible number is looked for: that parser holds everything up."""
NAME_CHARS_MAX = 64  # of a caller's member name in a pointer


class NotJson(ValueError):
    """The text is no JSON. Its argument says where and why, and quotes nothing of it."""


class NotExpressible(ValueError):
    """A member holds a number that JSON has no word for."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation.message)
        self.violation = violation


def read_json(body: bytes) -> tuple[Any, bytes]:  # any JSON
    """Return the document, and the text to decode it from elsewhere.

    The text is the one given, unless halves of surrogate pairs were in it: what JavaScript makes of a text cut within a
    character. They are replaced by U+FFFD, in names as in values. Of several members with one name the last counts.

    Raises:
        NotExpressible: NaN, Infinity, or a number beyond the range of a double.
        NotJson: The text is no JSON, or nested more than about a thousand levels deep.
    """
    try:
        return orjson.loads(body), body
    except orjson.JSONDecodeError as err:
        reason = str(err)
    if _HALF.search(body):
        body = b"".join(_without_halves(body))
        try:
            return orjson.loads(body), body
        except orjson.JSONDecodeError as err:
            reason = str(err)
    if len(body) <= NAMED_BYTES_MAX:
        _find_impossible_number(body)
    raise NotJson(reason)


def _without_halves(body: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(body):
        end = min(start + SLICE_BYTES, len(body))
        position = start
        pieces = []
        for escape in _ESCAPES.finditer(body, start, min(end + _LONGEST_ESCAPE, len(body))):
            if escape.start() >= end:
                break
            if escape[1] is not None:
                pieces.append(body[position : escape.start()])
                pieces.append(_REPLACEMENT)
                position = escape.end()
            end = max(end, escape.end())
        pieces.append(body[position:end])
        yield b"".join(pieces)
        start = end


def _find_impossible_number(body: bytes) -> None:
    try:
        document = json.loads(body.decode(), parse_constant=float)
    except (ValueError, RecursionError):
        return
    pending: list[tuple[Any, str]] = [(document, "")]
    while pending:
        value, pointer = pending.pop()
        if type(value) is float and not math.isfinite(value):
            found = "NaN" if math.isnan(value) else "a number beyond the range of a double"
            raise NotExpressible(Violation(f"{pointer}/type", f"got {found}, want a finite number"))
        if type(value) is dict:
            pending.extend(
                (item, f"{pointer}/properties/{shorten(name, NAME_CHARS_MAX)}") for name, item in value.items()
            )
        elif type(value) is list:
            pending.extend((item, f"{pointer}/items") for item in value)
