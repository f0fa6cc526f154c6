"""How the commands show lists, and how operators write and read times, always in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from unkey_api.core.columns import UnixMs, from_datetime
from unkey_api.settings.conversion import parse_duration

_WIDE = 100_000  # columns; so that lines stay whole for the program that reads them


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headings; one line for each when no terminal is there.

    Nothing in a cell is taken for markup or reaches the terminal as a control character: names come from callers.
    """
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    console.print(table)


def harmless(text: str) -> str:
    """Return the text with U+FFFD for everything that is not to be printed, control characters and breaks included."""
    return text if text.isprintable() else "".join(mark if mark.isprintable() else "\ufffd" for mark in text)


NEVER = "never"
_SPAN_MAX = timedelta(days=36_500)
_DAYS = re.compile(r"([0-9]{1,7})d(.*)", re.ASCII | re.DOTALL)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+(?:[Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII)


def parse_span(text: str) -> timedelta:
    """Read a length of time such as `30d`, `12h`, `1d12h` or `90m`; a bare `0` is allowed.

    Raises:
        ValueError: It is something else. The sentence says what would be right.
    """
    found = _DAYS.fullmatch(text)
    days, rest = (int(found[1]), found[2] or "0") if found else (0, text)
    try:
        span = timedelta(days=days) + parse_duration(rest)
    except (ValueError, OverflowError):
        span = None
    if span is None or span > _SPAN_MAX:
        right = f"30d, 12h or 90m, at most {_SPAN_MAX.days}d"
        raise ValueError(f"'{text[:40]}' is no length of time; write for instance {right}")
    return span


def parse_instant(text: str, now_ms: int) -> UnixMs:
    """Read an instant: a length of time from now on, a date, which begins at midnight UTC, or RFC 3339.

    Raises:
        ValueError: It is something else. The sentence says what would be right.
    """
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            return from_datetime(datetime(day.year, day.month, day.day, tzinfo=UTC))
        if _INSTANT.fullmatch(text):
            return from_datetime(datetime.fromisoformat(text.upper()))
        return UnixMs(now_ms + parse_span(text) // timedelta(milliseconds=1))
    except ValueError:
        right = f"30d, 12h (at most {_SPAN_MAX.days}d), 2027-01-31 or 2027-01-31T12:00:00Z"
        raise ValueError(f"'{text[:40]}' is no time; write for instance {right}") from None


def day(milliseconds: int) -> str:
    """Return the date of a time in Unix milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()


def instant(milliseconds: int | None) -> str:
    """Return a time in Unix milliseconds as RFC 3339, to the second, or `never`."""
    if milliseconds is None:
        return NEVER
    return datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat().replace("+00:00", "Z")
