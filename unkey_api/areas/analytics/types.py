"""What the analytics area keeps in MySQL, and what it hands on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import timedelta

from unkey_api.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """How a workspace asks ClickHouse, and how much it may."""

    username: str
    password_encrypted: str
    """By the vault, with the workspace id as the keyring."""
    max_query_result_rows: int
    logs_retention_days_max: int

    @property
    def retention(self) -> timedelta | None:
        """How far back a query may ask; None where nothing is said."""
        return timedelta(days=self.logs_retention_days_max) if self.logs_retention_days_max > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What a workspace's login may do. All at least 1."""

    quota_duration_seconds: int = 3_600
    """Length of the window that queries and execution time are counted in."""
    max_queries_per_window: int = 1_000
    max_execution_time_per_window: int = 1_800
    """Seconds."""
    max_query_execution_time: int = 30
    """Seconds; at most 30."""
    max_query_memory_bytes: int = 1_000_000_000
    max_query_result_rows: int = 10_000_000


QUOTAS = tuple(each.name.replace("_", "-") for each in fields(Quotas))
"""Names of the quotas as operators write them."""


def parse_quotas(texts: Iterable[str]) -> Quotas:
    """Read `name=value` texts. What is not named has its default.

    Raises:
        InvalidInput: There is no such quota, or its value is not a whole number of at least 1.
    """
    values = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not mark or name not in QUOTAS:
            raise InvalidInput(f"'{text}' is not a quota: write name=value. Names: {', '.join(QUOTAS)}.")
        if not (value.isascii() and value.isdigit()) or int(value) < 1:
            raise InvalidInput(f"'{name}' must be a whole number of at least 1.")
        values[name.replace("-", "_")] = int(value)
    return Quotas(**values)


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to a query: one JSON object per row."""

    rows: tuple[bytes, ...]

    def as_json(self) -> bytes:
        """Return the JSON array of all rows."""
        return b"[" + b",".join(self.rows) + b"]"
