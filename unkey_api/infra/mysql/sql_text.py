"""What is written into the text of a statement: its values, and the comment behind it.

Values are exact for sessions as `driver.connect` opens them: utf8mb4, in which no byte of a longer character looks like
a quote or a backslash, and an SQL mode in which a backslash escapes. In a text only those two have a meaning, so only
they are written otherwise; the rest, control characters included, travels as it is.

By the comment a database administrator finds where a statement comes from:

… /*application='unkey',service='api',region='eu',operation='key_find_live_by_hash',route='…',source='http',mode='ro'*/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from urllib.parse import quote

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


Route = Callable[[], str]
"""Returns the verb and path that the running work belongs to, `POST /v2/keys.createKey`; empty for background work.

The encoded form of each is kept, as many as there could be operations.
"""
ROUTES_MAX = 1_000


def no_route() -> str:
    """Say that nothing of this program is done for a request."""
    return ""


def tag(key: str, value: str) -> str:
    """Return `key='value',` with the value URL-encoded, or nothing for an empty value."""
    return f"{key}='{quote(value, safe='')}'," if value else ""


class Tagger:
    """Appends the comment for one process."""

    __slots__ = ("_head", "_route", "_routes")

    def __init__(self, *, region: str = "", release_sha: str = "", route: Route = no_route) -> None:
        self._route = route
        self._routes = {"": ""}
        self._head = (
            "/*" + tag("application", "unkey") + tag("service", "api") + tag("region", region)
            + tag("release_sha", release_sha[:7])
        )  # fmt: skip

    def __call__(self, sql: str, name: str, mode: str) -> str:
        """Return the statement with its comment; `name` and `mode` are our own words and need no encoding."""
        route = self._route()
        tags = self._routes.get(route)
        if tags is None:
            if len(self._routes) >= ROUTES_MAX:
                self._routes = {"": ""}
            tags = self._routes[route] = tag("route", route) + tag("source", "http")
        return f"{sql} {self._head}operation='{name}',{tags}mode='{mode}'*/"
