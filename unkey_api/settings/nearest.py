"""Names that were meant, for names that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

_NO_WORDS: Mapping[str, str] = {}


def nearest(name: str, known: Iterable[str], *, words: Mapping[str, str] = _NO_WORDS) -> str:
    """Return the known name most like `name`, letter case aside.

    Args:
        name: What was written.
        known: Names there are, at least one.
        words: Names other programs have for the same thing, in lower case, to one of `known`.
    """
    if name.lower() in words:
        return words[name.lower()]
    by_lower = {each.lower(): each for each in known}
    return by_lower[difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.0)[0]]
