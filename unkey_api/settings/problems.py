"""What is wrong with a configuration, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right."""

    path: str
    """Key as written in the file, `section.field` or `auth[0].field`; empty when the source itself is at fault."""
    message: str
    """What is wrong with it, phrased to follow the path."""

    def __str__(self) -> str:
        return f"{self.path} {self.message}".strip()


class ConfigError(Exception):
    """The configuration cannot be used. Carries every problem found, not only the first."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(f"invalid configuration ({source}):{lines}")
        self.source = source
        self.problems = problems


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
