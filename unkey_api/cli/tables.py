"""How the commands show lists."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

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
