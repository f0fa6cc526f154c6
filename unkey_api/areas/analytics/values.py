"""ClickHouse's values as our JSON: what each type reads as.

`JSONCompactEachRowWithNamesAndTypes` is what we decode. Servers differ in how they write numbers, and say what is what
in the second line, so each column gets its own decoder from its type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Decode: TypeAlias = Callable[[Any], Any]  # from one JSON value to another
MAX_DEPTH = 32


class Undecodable(Exception):
    """A column's type has no form in an answer, or its value is not what its type says."""


def decoder(type_text: str, server_zone: tzinfo) -> Decode:
    """Return what turns values of a type into ours.

    Raises:
        Undecodable: States of aggregate functions, intervals, and types nobody has heard of.
    """
    return _decoder(type_text, server_zone, 0)


def zone_named(name: str) -> tzinfo:
    """Return a time zone, UTC for one that is not known here."""
    try:
        return ZoneInfo(name) if name not in ("", "UTC") else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _decoder(type_text: str, zone: tzinfo, depth: int) -> Decode:
    name, arguments = split_type(type_text)
    if depth > MAX_DEPTH:
        raise Undecodable(f"type {name} is nested too deeply")
    plain = _PLAIN.get(name)
    if plain is not None:
        return plain
    if name in ("DateTime", "DateTime64"):
        named = [argument.strip("'") for argument in arguments if argument.startswith("'")]
        return _moment(zone_named(named[0]) if named else zone)
    if name in ("Nullable", "LowCardinality"):
        return _or_null(_decoder(arguments[0], zone, depth + 1))
    if name == "SimpleAggregateFunction":
        return _decoder(arguments[1], zone, depth + 1)
    return _container(name, arguments, zone, depth)


def _container(name: str, arguments: Sequence[str], zone: tzinfo, depth: int) -> Decode:
    if name in ("Array", "Nested"):
        each = _decoder(arguments[0], zone, depth + 1)
        return lambda values: [each(value) for value in values]
    if name == "Map":
        inner = _decoder(arguments[1], zone, depth + 1)
        return lambda values: {str(key): inner(values[key]) for key in sorted(values)}
    if name == "Tuple":
        return _tuple([_element(argument) for argument in arguments], zone, depth)
    raise Undecodable(f"columns of type {name} cannot be shown")


def _tuple(elements: Sequence[tuple[str, str]], zone: tzinfo, depth: int) -> Decode:
    decoders = [(name, _decoder(type_text, zone, depth + 1)) for name, type_text in elements]
    by_name = dict(decoders)

    def decode(values: Any) -> Any:  # an object where the elements have names, else an array
        if isinstance(values, dict):
            return {name: by_name[name](values[name]) for name in sorted(values)}
        decoded = [decode_one(value) for (_, decode_one), value in zip(decoders, values, strict=True)]
        return dict(sorted(zip(by_name, decoded, strict=True))) if all(name for name, _ in decoders) else decoded

    return decode


def split_type(text: str) -> tuple[str, list[str]]:
    """Return the name of a type and the texts of its arguments."""
    text = text.strip()
    name, mark, rest = text.partition("(")
    if not mark or not rest.endswith(")"):
        return text, []
    arguments, depth, quoted, begin = [], 0, "", 0
    inside = rest[:-1]
    position = 0
    while position < len(inside):
        character = inside[position]
        if quoted:
            if character == "\\":
                position += 1
            elif character == quoted:
                quoted = ""
        elif character in "'`":
            quoted = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and depth == 0:
            arguments.append(inside[begin:position].strip())
            begin = position + 1
        position += 1
    return name, [*arguments, inside[begin:].strip()]


def _element(argument: str) -> tuple[str, str]:
    """Return the name, empty for none, and the type of an element of a tuple."""
    if argument.startswith("`"):
        name, _, rest = argument[1:].partition("` ")
        return name, rest
    head, space, rest = argument.partition(" ")
    return (head, rest) if space and "(" not in head and "'" not in head else ("", argument)


def _same(value: Any) -> Any:  # as in `Decode`
    return value


def _integer(value: Any) -> Any:  # an integer, in quotes from some servers
    return value if type(value) is int else int(value)


def _float(value: Any) -> Any:  # a number; NaN and infinities are null, or words from some servers
    if type(value) is str or value is None:
        return None
    return float(value) if type(value) is Decimal else value


def _decimal(value: Any) -> str:  # a number, or text from some servers
    text = format(Decimal(str(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _day(text: Any) -> str:  # `YYYY-MM-DD`
    return f"{text}T00:00:00Z"


def _or_null(decode: Decode) -> Decode:
    return lambda value: None if value is None else decode(value)


def _moment(zone: tzinfo) -> Decode:
    def decode(text: Any) -> str:  # `YYYY-MM-DD hh:mm:ss[.fff]`
        whole, point, fraction = str(text).partition(".")
        fraction = fraction.rstrip("0")
        moment = datetime.fromisoformat(whole).replace(tzinfo=zone)
        shown = moment.isoformat().removesuffix("+00:00")
        offset = "Z" if moment.utcoffset() == UTC.utcoffset(None) else shown[19:]
        return shown[:19] + (f".{fraction}" if point and fraction else "") + offset

    return decode


_INTEGERS = [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64, 128, 256)]
_AS_THEY_ARE = """
    String FixedString UUID IPv4 IPv6 Enum8 Enum16 Bool Nothing JSON Object Dynamic Variant Point Ring Polygon
    MultiPolygon LineString MultiLineString Time Time64
"""
_PLAIN: dict[str, Decode] = {
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys(_AS_THEY_ARE.split(), _same),
    **dict.fromkeys(("Float32", "Float64", "BFloat16"), _float),
    **dict.fromkeys(("Decimal", "Decimal32", "Decimal64", "Decimal128", "Decimal256"), _decimal),
    **dict.fromkeys(("Date", "Date32"), _day),
}
