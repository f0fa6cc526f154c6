"""What a settings field says about itself: its meaning and its limits, kept beside its default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass
from typing import Any

_KEY = "about"


@dataclass(frozen=True, slots=True)
class About:
    """Documentation and declarative rules of one field."""

    meaning: str
    """One sentence for the person who writes the file."""
    required: bool = False
    """The key must be given and must not be empty."""
    minimum: float | None = None
    maximum: float | None = None
    zero_counts: bool = False
    """An explicit zero is a value; otherwise zero, empty text and `0s` all mean the default."""
    shown_default: str | None = None
    """How the default reads in the documentation when its value depends on the machine."""
    check: Callable[[Any], str | None] | None = None  # Any: takes what the field declares
    """Further rule: takes the value, returns None or what is wrong. Lists are checked item by item."""


def about(
    meaning: str,
    *,
    required: bool = False,
    between: tuple[float | None, float | None] = (None, None),
    zero_counts: bool = False,
    shown_default: str | None = None,
    check: Callable[[Any], str | None] | None = None,  # Any: takes what the field declares
) -> Mapping[str, About]:
    """Return dataclass field metadata. `between` gives the inclusive limits of a number, None for no limit."""
    minimum, maximum = between
    return {_KEY: About(meaning, required, minimum, maximum, zero_counts, shown_default, check)}


def about_of(declared: Field[Any]) -> About:  # Any: fields of every type
    """Return what a settings field says about itself."""
    said = declared.metadata[_KEY]
    if not isinstance(said, About):
        raise TypeError(f"settings field {declared.name} lacks its description")
    return said
