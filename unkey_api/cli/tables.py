"""How the commands show lists and times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headings; as plain lines when nobody looks."""
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def day(milliseconds: int) -> str:
    """Return the UTC date of a time in Unix milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
