"""Patterns of identifiers: `*` is any run of characters without a line feed, everything else is itself."""

from __future__ import annotations

WILDCARD = "*"
PATTERNS_MAX = 1_000
"""Overrides with a wildcard that a namespace may have."""
PATTERNS_TRIED = 5_000
"""How many of those that exist already are tried for an identifier, in their order."""
_STOP = "\n"


class Pattern:
    """A pattern, taken apart once.

    Matching takes each piece at its leftmost place and never goes back, so the time does not explode however many
    wildcards a pattern has. That loses no match: a later place of a piece only makes the run in front of it longer.
    """

    __slots__ = ("_head", "_middle", "_shortest", "_tail")

    def __init__(self, text: str) -> None:
        """Take a pattern with at least one wildcard."""
        self._head, *self._middle, self._tail = text.split(WILDCARD)
        self._shortest = len(self._head) + len(self._tail)

    def matches(self, text: str) -> bool:
        """Say whether the whole of `text` fits. Letter case counts."""
        if len(text) < self._shortest or not text.startswith(self._head) or not text.endswith(self._tail):
            return False
        at, end = len(self._head), len(text) - len(self._tail)
        for piece in self._middle:
            found = text.find(piece, at, end)
            if found < 0 or text.find(_STOP, at, found) >= 0:
                return False
            at = found + len(piece)
        return text.find(_STOP, at, end) < 0
