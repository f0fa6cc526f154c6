"""What is wrong with a configuration."""

from __future__ import annotations

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
