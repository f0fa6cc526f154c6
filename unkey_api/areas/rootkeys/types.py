"""What root keys are to the use cases, and what can go wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.core.columns import UnixMs
from unkey_api.core.errors import AppError, ErrorCode, InvalidInput
from unkey_api.core.ids import KeyId
from unkey_api.core.secret import Secret


@dataclass(frozen=True, slots=True)
class RootKey:
    """A root key; the secret is not known."""

    id: KeyId
    name: str | None
    start: str
    """Prefix and first characters of the secret."""
    enabled: bool
    created_at: UnixMs
    last_used_at: UnixMs
    """0 when never."""
    expires: UnixMs | None
    permissions: tuple[str, ...]
    """Everything it may do, directly or through roles; sorted, without repetitions."""


@dataclass(frozen=True, slots=True)
class IssuedRootKey:
    """A root key that was just made; the only time its secret is seen."""

    id: KeyId
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRootKeyCommand:
    """A root key to create."""

    permissions: tuple[str, ...]
    name: str | None = None
    expires_ms: int | None = None
    """Unix milliseconds; None for never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRootKeyCommand:
    """What to change about a root key."""

    key_id: str
    set_name: bool = False
    name: str | None = None
    """Counts when `set_name`; None removes the name."""
    enabled: bool | None = None
    """None leaves it."""
    permissions: tuple[str, ...] | None = None
    """All it shall have; None leaves them."""


class RootKeyNotFound(AppError):
    """The caller's workspace has no live root key of this id."""

    code = ErrorCode.DATA_KEY_NOT_FOUND
    sentence = "The specified root key was not found."


class RootKeyEnded(AppError):
    """A root key that has expired is not brought back; a successor would have ended with it."""

    code = ErrorCode.APPLICATION_PRECONDITION_FAILED
    sentence = "The root key has expired and cannot be rerolled. Create a new one."


class OutlivesCaller(AppError):
    """The caller expires, and what it asks for would last longer."""

    code = ErrorCode.AUTHORIZATION_FORBIDDEN

    def __init__(self, what: str) -> None:
        """Say so. `what` is the offending key as the subject of the sentence."""
        super().__init__(f"Your root key expires: {what} must expire no later than it does.")


class ExpiryInThePast(InvalidInput):
    """A key cannot be created expired."""

    sentence = "`expires` must be in the future."


class PermissionUnsupported(InvalidInput):
    """Not a permission that root keys can have."""

    def __init__(self, permission: str, reason: str) -> None:
        super().__init__(f"The permission '{permission}' is not supported: {reason}.")
