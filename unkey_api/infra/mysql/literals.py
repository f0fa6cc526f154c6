"""Values as SQL text.

Exact for sessions as `driver.connect` opens them: utf8mb4, in which no byte of a longer character looks like a quote or
a backslash, and an SQL mode in which a backslash escapes. In a text only those two have a meaning, so only they are
written otherwise; the rest, control characters included, travels as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

_EMPTY_LIST = "(SELECT NULL FROM DUAL WHERE FALSE)"  # `IN ()` is no SQL; in nothing is false, not in nothing is true


def sql_literal(value: object) -> str:
    """Return a value as SQL text; lists and tuples become parenthesised lists.

    Raises:
        TypeError: The value's type has no SQL form here.
        ValueError: The value is a float that is no number.
    """
    known = _BY_TYPE.get(type(value))
    return known(value) if known is not None else _literal(value)


def _literal(value: object) -> str:  # noqa: PLR0911 - one return per kind of value
    """Write what is not exactly of one of the frequent types: subclasses of those, and rare ones."""
    if isinstance(value, Enum):
        return sql_literal(value.value)
    if isinstance(value, str):
        return _text(str(value))
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, bytes | bytearray):
        return f"_binary X'{value.hex()}'"
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, list | tuple):
        return f"({','.join(map(sql_literal, value))})" if value else _EMPTY_LIST
    raise TypeError(f"{type(value).__name__} has no SQL form")


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} has no SQL form")
    text = repr(value)
    return text if "e" in text else f"{text}e0"  # without an exponent it would be an exact number, not a float


def _instant(value: datetime) -> str:
    utc = value.astimezone(UTC) if value.tzinfo else value
    return f"'{utc.replace(tzinfo=None).isoformat(sep=' ', timespec='milliseconds')}'"


_BY_TYPE: Mapping[type, Callable[..., str]] = {
    str: _text,
    int: str,
    type(None): lambda _: "NULL",
    bool: lambda value: "1" if value else "0",
    datetime: _instant,
}
"""The frequent types, found without asking one after the other."""
