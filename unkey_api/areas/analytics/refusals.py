"""What ClickHouse says when it refuses, as what we say. Its own words hold the rewritten query and never go out."""

from __future__ import annotations

from unkey_api.areas.analytics.errors import (
    ExecutionTimedOut,
    InvalidQuery,
    QuotaExceeded,
    TooManyRows,
    TooMuchMemory,
)
from unkey_api.core.errors import AppError

_MEMORY = "Query memory limit exceeded. Narrow the time range or simplify the query."
_TIME = "Query execution time limit exceeded. Simplify the query or narrow the time range."
_ROWS = "Query attempted to read too many rows. Narrow the time range."
_QUOTA = "Query quota exceeded for the current window. Try again later."
_LIMITS: tuple[tuple[tuple[str, ...], type[AppError], str], ...] = (
    (("max bytes",), TooMuchMemory, "Query result exceeds the maximum response size."),
    (("max rows",), TooManyRows, "Query result exceeds the maximum row count."),
    (("timeout", "execution time"), ExecutionTimedOut, _TIME),
    (("memory",), TooMuchMemory, _MEMORY),
    (("too many rows", "limit for rows_to_read", "limit for rows"), TooManyRows, _ROWS),
    (("quota",), QuotaExceeded, _QUOTA),
)
"""What stands in the text, in lower case. The first that does decides."""
_ABOUT_NAMES = frozenset({46, 47, 62, 497})
"""Functions, identifiers, syntax, privileges. Their texts quote the query, in which a column may be called `memory`."""
_NUMBERS: dict[int, tuple[type[AppError], str]] = {
    158: (TooManyRows, _ROWS),
    198: (TooManyRows, _ROWS),
    159: (ExecutionTimedOut, _TIME),
    394: (ExecutionTimedOut, _TIME),
    241: (TooMuchMemory, _MEMORY),
    202: (QuotaExceeded, _QUOTA),
}
_NAMES: dict[str, tuple[type[AppError], str]] = {
    "TOO_MANY_ROWS": (TooManyRows, _ROWS),
    "QUERY_WAS_CANCELLED": (ExecutionTimedOut, _TIME),
}
_LAST: dict[int | str, tuple[type[AppError], str]] = {
    396: (TooMuchMemory, "Query result exceeds the maximum response size."),
    "TOO_MANY_ROWS_OR_BYTES": (TooManyRows, _ROWS),
}
_SENTENCES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("not enough privileges",),
        "The query reads a column that is not available. Select only the documented columns instead of *",
    ),
    (("unknown function", "no matching signature"), "Unknown function in analytics query"),
    (
        (
            "unknown identifier",
            "unknown expression",
            "unknown column",
            "missing columns",
            "there is no column",
            "no such column",
            "cannot find column",
        ),
        "Unknown identifier in analytics query",
    ),
    (("syntax error", "unexpected token", "unrecognized token", "cannot parse"), "Invalid SQL syntax"),
)


def refusal_of(text: str, *, number: int, name: str) -> AppError:
    """Return our error for one of ClickHouse's.

    Args:
        text: Its words, which stay inside.
        number: Its number, 0 when it has none.
        name: Its upper-case name, empty when it has none.
    """
    lower = text.lower()
    for words, kind, sentence in () if number in _ABOUT_NAMES else _LIMITS:
        if any(word in lower for word in words):
            return kind(sentence, internal=text)
    known = _NUMBERS.get(number) or _NAMES.get(name) or _LAST.get(number) or _LAST.get(name)
    if known:
        return known[0](known[1], internal=text)
    for words, sentence in _SENTENCES:
        if any(word in lower for word in words):
            return InvalidQuery(sentence, internal=text)
    return InvalidQuery("Invalid analytics query", internal=text)
