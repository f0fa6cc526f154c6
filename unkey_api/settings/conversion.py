"""From TOML values and environment texts to the types that settings fields declare, durations among them.

A duration is written `500ms`, `1s`, `1m30s`, `1.5h`, and shown so again.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, get_args, get_origin

from unkey_api.core.addresses import unmapped_network
from unkey_api.core.secret import Secret
from unkey_api.settings.source import FromVariable, is_text

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class WrongTypeError(ValueError):
    """The value cannot be what the field declares. The message names the expected type, never the value."""


def convert(declared: object, raw: object) -> object:
    """Return a TOML value as the declared type; one that came whole from a variable is read as its text.

    Raises:
        WrongTypeError: The value is of another type or does not parse.
    """
    if type(raw) is FromVariable:
        raw = _toml_value(declared, str(raw))
    if get_origin(declared) is tuple:
        if not isinstance(raw, list):
            raise WrongTypeError(f"must be {type_name(declared)}")
        item = get_args(declared)[0]
        return tuple(convert(item, each) for each in raw)
    name, from_toml = _SCALARS[declared]
    try:
        return from_toml(raw)
    except (TypeError, ValueError, OverflowError) as err:
        raise WrongTypeError(f"must be {name}") from err


def convert_text(declared: object, text: str) -> object:
    """Return the text of an environment variable as the declared type. Lists are comma separated or TOML arrays.

    Raises:
        WrongTypeError: The text does not parse.
    """
    if not is_text(text):
        raise WrongTypeError("must be UTF-8 text")
    return convert(declared, _toml_value(declared, text))


def type_name(declared: object) -> str:
    """Return how the documentation calls a declared type."""
    if get_origin(declared) is tuple:
        return f"a list of {type_name(get_args(declared)[0]).split(' ', 1)[1]}s"
    return _SCALARS[declared][0].partition(" such as")[0]


def _toml_value(declared: object, text: str) -> object:
    if get_origin(declared) is tuple:
        if text.lstrip().startswith("["):
            return toml_array(text)
        return [each.strip() for each in text.split(",") if each.strip()]
    try:
        if declared is int:
            return _integer(text)
        if declared is float:
            return float(text)
    except ValueError as err:
        raise WrongTypeError(f"must be {type_name(declared)}") from err
    return _TRUTHS.get(text.lower(), text) if declared is bool else text


def toml_array(text: str) -> object:
    """Return the value of a TOML expression given in an environment variable.

    Raises:
        WrongTypeError: The text is not TOML.
    """
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as err:
        raise WrongTypeError("must be a TOML array") from err


def _integer(text: str) -> int:
    """Read a decimal number. Python itself would also take `1_000`, blanks and digits of other scripts."""
    if not _INTEGER.fullmatch(text):
        raise ValueError("not an integer")
    return int(text)


def _exactly(kind: type) -> Callable[[Any], object]:  # Any: whatever stands in the file
    def check(raw: object) -> object:
        if type(raw) is not kind:
            raise TypeError
        return raw

    return check


def _float(raw: Any) -> float:  # Any: whatever stands in the file
    if type(raw) not in {int, float}:
        raise TypeError
    return float(raw)


def _secret(raw: Any) -> Secret:  # Any: whatever stands in the file
    if not isinstance(raw, str):
        raise TypeError
    return Secret(str(raw))


def _duration(raw: Any) -> timedelta:  # Any: whatever stands in the file
    return parse_duration(raw)


def _text(raw: Any) -> str:  # Any: whatever stands in the file
    if not isinstance(raw, str):
        raise TypeError
    return str(raw)


def _network(raw: Any) -> IPv4Network | IPv6Network:  # Any: whatever stands in the file
    if not isinstance(raw, str):
        raise TypeError
    return unmapped_network(ip_network(raw))


_SCALARS: Mapping[object, tuple[str, Callable[[Any], object]]] = {  # Any: whatever stands in the file
    str: ("a string", _text),
    int: ("an integer", _exactly(int)),
    float: ("a number", _float),
    bool: ("a boolean", _exactly(bool)),
    timedelta: ("a duration such as 500ms or 1s", _duration),
    Secret: ("a secret string", _secret),
    IPv4Network | IPv6Network: ("a network such as 10.0.0.0/8", _network),
}


_UNITS_US = {"us": 1, "µs": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|µs|ms|s|m|h)")


def parse_duration(text: str) -> timedelta:
    """Read a duration of one or more number-unit parts, down to microseconds; a bare `0` is allowed.

    Raises:
        ValueError: The text is something else, negative durations included.
    """
    if text == "0":
        return timedelta()
    total, end = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != end:
            break
        total += float(part[1]) * _UNITS_US[part[2]]
        end = part.end()
    if not text or end != len(text):
        raise ValueError("not a duration")
    return timedelta(microseconds=total)


def format_duration(duration: timedelta) -> str:
    """Return a duration as it could be written in the file, in its largest whole unit."""
    microseconds = duration // timedelta(microseconds=1)
    for unit in ("h", "m", "s", "ms"):
        if microseconds and microseconds % _UNITS_US[unit] == 0:
            return f"{microseconds // _UNITS_US[unit]}{unit}"
    return f"{microseconds}us" if microseconds else "0s"
