"""What one caller may ask of one operation. Everything the guard knows comes from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


class TimeUnit(Enum):
    """What a table's `time` holds."""

    MILLISECONDS = "Int64 of Unix milliseconds"
    MOMENT = "DateTime"
    DAY = "Date"


@dataclass(frozen=True, slots=True)
class Table:
    """One public table: the name callers write, and what stands behind it."""

    name: str
    physical: str
    """Name of the table in the database `default`."""
    time: TimeUnit
    columns: tuple[str, ...] = ()
    """The columns that may be read. Empty for all of them, which also makes `*` possible."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Rows that may be read, beside their being the workspace's."""

    column: str
    values: tuple[str, ...]
    """Allowed values, in the order they are written. None allowed, none read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules for one query."""

    workspace_id: str
    tables: Mapping[str, Table]
    """By public name."""
    filters: tuple[RowFilter, ...] = ()
    max_rows: int = 0
    """The most rows any SELECT returns; 0 leaves limits alone."""
    retention: timedelta | None = None
    """How far back a query may ask; None does not look."""
