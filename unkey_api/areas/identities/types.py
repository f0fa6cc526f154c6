"""What identities are to the use cases, and what can go wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from unkey_api.areas.ratelimit.types import AttachedLimit
from unkey_api.core.errors import AppError, ErrorCode, InvalidInput, Unexpected
from unkey_api.core.ids import IdentityId, RatelimitId

MAX_META_BYTES = 1_048_576
"""Of the JSON text as it is stored."""


class IdentityRatelimit(NamedTuple):
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


class IdentityVanished(Unexpected):
    """An identity that was there a moment ago is gone. Trying again creates it."""

    def __init__(self, external_id: str) -> None:
        super().__init__("Failed to resolve the identity.", internal=f"identity {external_id!r} vanished")


class IdentityNotFound(AppError):
    """No such identity, a deleted one, or one of another workspace: always one sentence."""

    code = ErrorCode.DATA_IDENTITY_NOT_FOUND
    sentence = "This identity does not exist."


class IdentityAlreadyExists(AppError):
    """The workspace has a live identity of this external id."""

    code = ErrorCode.DATA_IDENTITY_ALREADY_EXISTS

    def __init__(self, external_id: str) -> None:
        super().__init__(f"Identity with externalId '{external_id}' already exists in this workspace.")


class RatelimitNamedTwice(InvalidInput):
    """A request lists two limits of one name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Ratelimit with name '{name}' is already defined in the request")
