"""Words of the credit limiter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from unkey_api.core.errors import Unexpected

EPOCHS_PER_MS = 1_024
"""An epoch is the Unix time in milliseconds times this, plus a number that tells its maker from others."""


class CreditDecision(NamedTuple):
    """The answer to one spend."""

    allowed: bool
    remaining: int | None
    """What is left, never negative; None for a key without a credit limit."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What MySQL says about one key."""

    remaining_requests: int | None
    """None: unlimited."""
    written: int | None = None
    """How much of what was granted in the epoch asked for is taken off already; None before it has begun there."""
    earlier: bool = False
    """Whether there were epochs before it, whose grants may still be on their way."""


class BalanceMissing(Unexpected):
    """The key does not exist. Never a denial, and never an allowance."""

    def __init__(self) -> None:
        super().__init__("We could not load the key's credits.", internal="credits of a key that does not exist")


class InvalidCost(Unexpected):
    """A negative cost, which no caller may let through."""

    def __init__(self, cost: int) -> None:
        super().__init__("An unexpected error occurred.", internal=f"negative credit cost {cost}")
