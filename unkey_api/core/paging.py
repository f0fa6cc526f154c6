"""Listings: pages in the order of ids, with a cursor that is the first id of the next page, and text to search for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

ESCAPE = "!"  # not the backslash, which means something else again inside of SQL literals
_SPECIAL = str.maketrans({mark: ESCAPE + mark for mark in (ESCAPE, "%", "_")})
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing."""

    items: Sequence[T]
    next_cursor: str
    """Where the next page begins, inclusive. Empty on the last page."""

    @property
    def has_more(self) -> bool:
        """Whether there is a next page."""
        return bool(self.next_cursor)


def cut_page(rows: Sequence[T], *, limit: int, id_of: Callable[[T], str]) -> Page[T]:
    """Make a page of at most `limit` rows from up to `limit + 1`, the last of which only tells where to go on."""
    if len(rows) <= limit:
        return Page(rows, "")
    return Page(rows[:limit], id_of(rows[limit]))


def substring_pattern(search: str) -> str | None:
    """Return a LIKE pattern with `!` as its escape that finds `search` anywhere, or None for a blank search.

    White space around the text does not count. Every character means itself.
    """
    text = search.strip()
    return f"%{text.translate(_SPECIAL)}%" if text else None
