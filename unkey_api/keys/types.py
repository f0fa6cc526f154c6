"""What keys are to the use cases."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RefillInterval(StrEnum):
    """How often credits are filled up."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Refill:
    """When credits are filled up, and to what."""

    interval: RefillInterval
    amount: int
    """At least 1."""
    day: int | None
    """Day of the month, 1 to 31; later days of shorter months mean their last day. None unless monthly."""


@dataclass(frozen=True, slots=True)
class CreditSettings:
    """How many uses a key has left."""

    remaining: int | None
    """None: unlimited."""
    refill: Refill | None


@dataclass(frozen=True, slots=True)
class RatelimitSetting:
    """A rate limit to attach to a key."""

    name: str
    limit: int
    """Units per window, at least 1."""
    duration_ms: int
    """At least 1,000."""
    auto_apply: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKeyCommand:
    """A key to create. None means that the caller said nothing."""

    api_id: str
    prefix: str | None = None
    name: str | None = None
    byte_length: int | None = None
    """Of the random part."""
    external_id: str | None = None
    meta: str | None = None
    """JSON text."""
    roles: tuple[str, ...] = ()
    """Names; repetitions count once."""
    permissions: tuple[str, ...] = ()
    """Slugs; repetitions count once."""
    expires_ms: int | None = None
    credits: CreditSettings | None = None
    ratelimits: tuple[RatelimitSetting, ...] = ()
    """The last one of a name counts."""
    enabled: bool = True
    recoverable: bool = False
