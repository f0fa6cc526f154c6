"""What can go wrong with root keys."""

from __future__ import annotations

from unkey_api.core.errors import AppError, ErrorCode, InvalidInput


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
