"""Text that people search for."""

from __future__ import annotations

ESCAPE = "!"  # not the backslash, which means something else again inside of SQL literals
_SPECIAL = str.maketrans({mark: ESCAPE + mark for mark in (ESCAPE, "%", "_")})


def substring_pattern(search: str) -> str | None:
    """Return a LIKE pattern with `!` as its escape that finds `search` anywhere, or None for a blank search.

    White space around the text does not count. Every character means itself.
    """
    text = search.strip()
    return f"%{text.translate(_SPECIAL)}%" if text else None
