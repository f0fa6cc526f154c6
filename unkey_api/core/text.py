"""Texts that callers sent: cookies found, quotes cut, sizes bounded, JSON written in its one stored form."""

from __future__ import annotations

from typing import Any

import orjson

from unkey_api.core.errors import InvalidInput


def find_cookie(header: str | None, name: str) -> str | None:
    """Return the value of the first cookie of this name as it was sent, or None when there is none. May be empty."""
    for pair in (header or "").split(";"):
        found, equals, value = pair.strip().partition("=")
        if equals and found == name:
            return value
    return None


QUOTED_CHARS_MAX = 256
"""What is kept of one value of a caller wherever it is quoted, logged or stored beside the value itself."""

_BLANKS = (" ", "\n", "\t")


def shorten(text: str, chars: int = QUOTED_CHARS_MAX) -> str:
    """Return `text`, or its beginning and its length when it is longer than `chars` characters.

    A word that would be cut in two is left out: half a secret no longer looks like one to those who blank them.
    """
    if len(text) <= chars:
        return text
    head = text[:chars]
    cut = max(map(head.rfind, _BLANKS))
    if cut < chars // 2:
        cut = chars
        while cut and (head[cut - 1].isalnum() or head[cut - 1] in "_-"):
            cut -= 1
    return f"{head[: cut or chars]}… [{len(text)} characters]"


_UNITS = ("B", "kB", "MB", "GB", "TB")


def human_bytes(count: int) -> str:
    """Return a byte count in steps of 1000, one decimal below ten: `9 B`, `1.0 MB`, `16 kB`."""
    if count < 10:
        return f"{count} B"
    power = 0
    while power < len(_UNITS) - 1 and count >= 1000 ** (power + 1):
        power += 1
    scale = 1000**power
    tenths = (count * 20 + scale) // (2 * scale)  # rounds half up without floating point
    shown = f"{tenths // 10}.{tenths % 10}" if tenths < 100 and power else f"{tenths / 10:.0f}"
    return f"{shown} {_UNITS[power]}"


def require_bytes_at_most(subject: str, text: str, *, cap: int) -> None:
    """Return when `text` is at most `cap` bytes of UTF-8.

    Args:
        subject: What the text is, as the sentence's first word(s), for instance `Metadata`.
        text: The value, as JSON if it is not a string.
        cap: Bytes allowed.

    Raises:
        InvalidInput: The text is longer.
    """
    size = len(text.encode())
    if size > cap:
        raise InvalidInput(
            f"{subject} is too large: it must be at most {human_bytes(cap)}, but is {human_bytes(size)}."
        )


_WHOLE_BELOW = 1e21  # from here on, doubles are written with an exponent


def canonical_json(value: Any) -> str:  # Any: whatever JSON holds
    """Return JSON text with sorted keys and without blanks, safe to paste into HTML.

    Whole numbers are written without a fraction, whatever their type: JSON has one kind of number, and a client that
    stored 1 expects 1 back.
    """
    text = orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS).decode()
    # These characters occur inside of strings only, so replacing them leaves the structure alone.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    if type(value) is float and value.is_integer() and abs(value) < _WHOLE_BELOW:
        whole = int(value)
        return whole if -(1 << 63) <= whole < 1 << 64 else value
    if type(value) is dict:
        return {name: _plain(member) for name, member in value.items()}
    if type(value) is list:
        return [_plain(member) for member in value]
    return value
