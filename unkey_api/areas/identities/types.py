"""What identities are to the use cases."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.areas.ratelimit.attached import AttachedLimit
from unkey_api.core.ids import IdentityId, RatelimitId

MAX_META_BYTES = 1_048_576
"""Of the JSON text as it is stored."""


@dataclass(frozen=True, slots=True)
class IdentityRatelimit:
    """A limit of an identity."""

    id: RatelimitId
    spec: AttachedLimit


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity that is not deleted."""

    id: IdentityId
    external_id: str
    meta: str | None
    """JSON text of an object; None when there is none or a use case does not show it."""
    ratelimits: tuple[IdentityRatelimit, ...]
    """By name."""
