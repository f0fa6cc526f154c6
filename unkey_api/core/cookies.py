"""The Cookie header."""

from __future__ import annotations


def find_cookie(header: str | None, name: str) -> str | None:
    """Return the value of the first cookie of this name as it was sent, or None when there is none. May be empty."""
    for pair in (header or "").split(";"):
        found, equals, value = pair.strip().partition("=")
        if equals and found == name:
            return value
    return None
