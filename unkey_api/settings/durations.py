"""Durations as text: `500ms`, `1s`, `1m30s`, `1.5h`."""

from __future__ import annotations

import re
from datetime import timedelta

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
