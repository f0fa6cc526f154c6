"""What a settings field says about itself: its meaning and its limits, kept beside its default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from unkey_api.settings.conversion import format_duration

_KEY = "about"

Bound: TypeAlias = float | timedelta
"""A limit of a number, or of a duration."""
Check: TypeAlias = Callable[[Any], str | None]  # Any: takes what the field declares
"""Takes a value and returns None, or what is wrong with it, phrased to follow the name of the key."""


@dataclass(frozen=True, slots=True)
class About:
    """Documentation and declarative rules of one field."""

    meaning: str
    """One sentence for the person who writes the file."""
    required: bool = False
    """The key must be given and must not be empty."""
    minimum: Bound | None = None
    maximum: Bound | None = None
    """Both inclusive; every number and every duration has them."""
    unit: str = ""
    """What a number counts, in the plural; durations carry theirs in the value."""
    shown_default: str | None = None
    """How the default reads in the documentation when its value depends on the machine."""
    check: Check | None = None
    """Further rule. Lists are checked item by item."""

    @property
    def range(self) -> str:
        """The limits as the documentation and messages show them, `1 to 65535`; empty where there are none."""
        if self.minimum is None or self.maximum is None:
            return ""
        return f"{_shown(self.minimum)} to {_shown(self.maximum)}"

    def allows(self, value: object) -> bool:
        """Say whether a number or duration keeps to the limits. What has none is allowed, NaN is not."""
        match self.minimum, value, self.maximum:
            case timedelta() as low, timedelta() as duration, timedelta() as high:
                return low <= duration <= high
            case int() | float() as least, int() | float() as number, int() | float() as most:
                return least <= number <= most
            case _:
                return True


def about(
    meaning: str,
    *,
    required: bool = False,
    between: tuple[Bound, Bound] | None = None,
    unit: str = "",
    shown_default: str | None = None,
    check: Check | None = None,
) -> Mapping[str, About]:
    """Return dataclass field metadata.

    Args:
        meaning: One sentence for the person who writes the file.
        required: The key must be given and must not be empty.
        between: Inclusive limits of a number, or of a duration as two `timedelta`. A zero is a value like any other.
        unit: What a number counts, in the plural.
        shown_default: How the default reads in the documentation when it depends on the machine.
        check: Further rule; returns None or what is wrong, without the value.
    """
    minimum, maximum = between or (None, None)
    return {_KEY: About(meaning, required, minimum, maximum, unit, shown_default, check)}


def about_of(declared: Field[Any]) -> About:  # Any: fields of every type
    """Return what a settings field says about itself."""
    said = declared.metadata[_KEY]
    if not isinstance(said, About):
        raise TypeError(f"settings field {declared.name} lacks its description")
    return said


def _shown(bound: Bound) -> str:
    return format_duration(bound) if isinstance(bound, timedelta) else f"{bound}"
