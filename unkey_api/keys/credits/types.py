"""Words of the credit limiter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from unkey_api.core.errors import Unexpected


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


class BalanceMissing(Unexpected):
    """The key does not exist. Never a denial, and never an allowance."""

    def __init__(self) -> None:
        super().__init__("We could not load the key's credits.", internal="credits of a key that does not exist")


class InvalidCost(Unexpected):
    """A negative cost, which no caller may let through."""

    def __init__(self, cost: int) -> None:
        super().__init__("An unexpected error occurred.", internal=f"negative credit cost {cost}")
