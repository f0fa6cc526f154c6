"""An answer of ClickHouse as JSON rows, bounded while it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from unkey_api.areas.analytics.errors import AnalyticsUnavailable, InvalidQuery, TooMuchMemory
from unkey_api.areas.analytics.values import Decode, Undecodable, decoder, zone_named

MAX_ANSWER_BYTES = 4_194_304
"""Of the whole body of the HTTP/JSON answer."""
ENVELOPE_BYTES = 64  # `{"meta":{"requestId":"req_…"},"data":[…]}`
EXACT = 2**53
TOO_LARGE = "Query result exceeds the maximum response size."


class Column(NamedTuple):
    """A column of the answer. Of several with one name the last one counts."""

    name: str
    position: int
    decode: Decode


def json_rows(lines: bytes, *, time_zone: str, big_as_text: bool) -> list[bytes]:
    """Return each row as a JSON object, its members in alphabetical order.

    Args:
        lines: Names, types and rows, each a JSON array on a line of its own.
        time_zone: The server's.
        big_as_text: Whether whole numbers beyond 2^53 become text, for what would read them as doubles.

    Raises:
        TooMuchMemory: They are more than an answer holds. What lies beyond was not decoded.
        InvalidQuery: A column's type has no form in an answer.
        AnalyticsUnavailable: These are not lines of JSON, or not what their types say.
    """
    split = lines.decode("utf-8", "replace").split("\n")
    if len(split) < 2:
        raise AnalyticsUnavailable("Failed to read query results", internal="the answer has no names and types")
    try:
        names, types = orjson.loads(split[0]), orjson.loads(split[1])
        columns = _columns(names, types, time_zone)
        return list(_within_bounds(_rows(split[2:], columns, types, big_as_text=big_as_text)))
    except Undecodable as error:
        raise InvalidQuery("Invalid analytics query: a result column cannot be shown", internal=str(error)) from error
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise AnalyticsUnavailable("Failed to read query results", internal=f"undecodable answer: {error!r}") from error


def _columns(names: Sequence[str], types: Sequence[str], time_zone: str) -> list[Column]:
    if type(names) is not list or type(types) is not list:
        raise TypeError("names and types are lists")
    zone = zone_named(time_zone)
    found = {
        name: Column(name, position, decoder(type_text, zone))
        for position, (name, type_text) in enumerate(zip(names, types, strict=True))
    }
    return [found[name] for name in sorted(found)]


def _rows(
    lines: Sequence[str], columns: Sequence[Column], types: Sequence[str], *, big_as_text: bool
) -> Iterator[bytes]:
    # A decimal has more digits than a double, and integers may have more than orjson reads.
    slowly = any(word in text for text in types for word in ("Decimal", "Int128", "Int256"))
    has_wide = big_as_text and any("64" in text or "Int128" in text or "Int256" in text for text in types)
    for line in lines:
        if not line:
            continue
        values: list[Any] = json.loads(line, parse_float=Decimal) if slowly else orjson.loads(line)
        row = {name: decode(values[position]) for name, position, decode in columns}
        if has_wide:
            row = {name: _small(value) for name, value in row.items()}
        yield _dumped(row)


def _small(value: Any) -> Any:  # any JSON value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT:
        return str(value)
    if isinstance(value, list):
        return [_small(item) for item in value]
    if isinstance(value, dict):
        return {name: _small(item) for name, item in value.items()}
    return value


def _dumped(row: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:  # an integer of more than 64 bits, or a decimal in free-form JSON
        return json.dumps(row, separators=(",", ":"), ensure_ascii=False, default=float).encode()


def _within_bounds(rows: Iterator[bytes]) -> Iterator[bytes]:
    size = ENVELOPE_BYTES
    for row in rows:
        size += len(row) + 1
        if size > MAX_ANSWER_BYTES:
            raise TooMuchMemory(TOO_LARGE)
        yield row
