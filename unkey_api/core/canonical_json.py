"""Free-form JSON in the one form in which it is stored."""

from __future__ import annotations

from typing import Any

import orjson

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
