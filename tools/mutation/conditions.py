"""The conditions and locks of an SQL statement, and the statement without one of them."""

from __future__ import annotations

import re

__all__ = ["DROP_CONDITION", "DROP_LOCK", "SQL_OPERATORS", "sql_places"]

DROP_CONDITION = "drop condition"
DROP_LOCK = "drop lock"
SQL_OPERATORS = (DROP_CONDITION, DROP_LOCK)
COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
LOCK = re.compile(r"\b(?:FOR UPDATE|FOR SHARE|LOCK IN SHARE MODE)\b")
WORD = re.compile(r"[A-Za-z_]\w*|[()]|'[^']*'|\S")
JOINING = {"AND", "OR"}
OPENING = {"WHERE", "ON", "HAVING"}
ENDING = {
    "GROUP", "ORDER", "LIMIT", "FOR", "JOIN", "LEFT", "INNER", "WHERE", "UNION", "HAVING", "LOCK", "SET", "THEN",
    "DUPLICATE",
}  # fmt: skip


def sql_places(source: str, operator: str) -> list[tuple[int, int, str]]:
    """Return where something can be left out of a statement: from, to, and what stands there instead."""
    text = COMMENT.sub(lambda found: " " * len(found[0]), source)
    if operator == DROP_LOCK:
        return [(*found.span(), "") for found in LOCK.finditer(text)]
    return [place for place in _conditions(text) if text[place[0] : place[1]].strip()]


def _conditions(text: str) -> list[tuple[int, int, str]]:
    """Return each condition of WHERE, ON and HAVING, at any depth of parentheses."""
    words = [(found[0].upper(), found.start(), found.end()) for found in WORD.finditer(text)]
    places: list[tuple[int, int, str]] = []
    for index, (word, _, end) in enumerate(words):
        if word not in JOINING | OPENING or _of_between(words, index):
            continue
        stop = _end_of_condition(words, index + 1, len(text))
        if words[index + 1][0] == "DUPLICATE":
            continue
        # Made pointless rather than left out: a statement without one of its parameters is refused before it is sent.
        pointless = "AND FALSE" if word == "OR" else "OR TRUE"
        places.append((end, stop, f" ({text[end:stop].strip()} {pointless})\n"))
    return places


def _end_of_condition(words: list[tuple[str, int, int]], index: int, otherwise: int) -> int:
    depth, between = 0, False
    for word, start, _ in words[index:]:
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
            if depth < 0:
                return start
        elif depth == 0 and word == "BETWEEN":
            between = True
        elif depth == 0 and word in JOINING | ENDING:
            if word == "AND" and between:
                between = False
                continue
            return start
    return otherwise


def _of_between(words: list[tuple[str, int, int]], index: int) -> bool:
    """Tell whether this AND belongs to a BETWEEN."""
    return words[index][0] == "AND" and any(word == "BETWEEN" for word, _, _ in words[max(0, index - 3) : index])
