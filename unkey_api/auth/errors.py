"""Why a caller was not recognised or not let in."""

from __future__ import annotations

from datetime import UTC, datetime

from unkey_api.core.errors import AppError, ErrorCode

ROOT_KEY_FORMAT = "You must provide a valid root key in the Authorization header in the format 'Bearer ROOT_KEY'."
INVALID_ROOT_KEY = "The provided root key is invalid."


class CredentialMissing(AppError):
    """No credential of a kind this operation takes."""

    code = ErrorCode.AUTHENTICATION_MISSING
    sentence = "You must provide a bearer credential in the Authorization header."


class CredentialMalformed(AppError):
    """There is an Authorization header, but no bearer token in it."""

    code = ErrorCode.AUTHENTICATION_MALFORMED


class RootKeyUnknown(AppError):
    """No such root key."""

    code = ErrorCode.AUTHENTICATION_KEY_NOT_FOUND

    def __init__(self, *, ordinary: bool = False) -> None:
        """Say so. `ordinary`: there is such a key, but it is not a root key."""
        reason = "" if ordinary else " We could not find the requested key."
        super().__init__(INVALID_ROOT_KEY + reason)


class RootKeyWorkspaceMissing(AppError):
    """The workspace the root key is for does not exist."""

    code = ErrorCode.DATA_WORKSPACE_NOT_FOUND

    def __init__(self) -> None:
        super().__init__(f"{INVALID_ROOT_KEY} The requested workspace does not exist.")


class RootKeyWorkspaceDisabled(AppError):
    """The workspace the root key is for, or the one it belongs to, is disabled."""

    code = ErrorCode.AUTHORIZATION_WORKSPACE_DISABLED

    def __init__(self) -> None:
        super().__init__(f"{INVALID_ROOT_KEY} The workspace is disabled.")


class RootKeyDisabled(AppError):
    """The root key is switched off."""

    code = ErrorCode.AUTHORIZATION_KEY_DISABLED

    def __init__(self) -> None:
        super().__init__(f"{INVALID_ROOT_KEY} The key is disabled.")


class RootKeyExpired(AppError):
    """The root key was good until a moment ago or longer."""

    code = ErrorCode.AUTHORIZATION_FORBIDDEN

    def __init__(self, expired_ms: int) -> None:
        """Name the moment, given in Unix milliseconds, to the second."""
        moment = datetime.fromtimestamp(expired_ms // 1_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        super().__init__(f"{INVALID_ROOT_KEY} the key has expired on {moment}")
