"""Limits that are attached to something, a key or an identity, and counted with its verifications."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttachedLimit:
    """A rate limit as a caller wants it."""

    name: str
    limit: int
    """Units per window, at least 1."""
    duration_ms: int
    """At least 1,000."""
    auto_apply: bool
    """Whether every verification counts against it, unasked."""


def last_of_each_name(limits: Iterable[AttachedLimit]) -> tuple[AttachedLimit, ...]:
    """Return the limits with each name once. Of several with one name the last counts, at the place of the first.

    The one rule for everything that takes such a list, but `identities.updateIdentity`, which refuses a name given
    twice.
    """
    return tuple({limit.name: limit for limit in limits}.values())


def first_repeated_name(limits: Iterable[AttachedLimit]) -> str | None:
    """Return the first name that was there before, or None."""
    seen: set[str] = set()
    for limit in limits:
        if limit.name in seen:
            return limit.name
        seen.add(limit.name)
    return None
