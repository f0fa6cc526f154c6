"""What can go wrong while verifying, apart from the key being refused."""

from __future__ import annotations

from unkey_api.core.errors import AppError, ErrorCode, InvalidInput, ServiceUnavailable, Unexpected, Violation


class KeyNotLoaded(ServiceUnavailable):
    """The key could not be looked up. It says nothing about the key."""

    def __init__(self, internal: str) -> None:
        super().__init__("We could not load the requested key.", internal=internal)


class MigrationNotLoaded(ServiceUnavailable):
    """The migration could not be looked up."""

    def __init__(self, internal: str) -> None:
        super().__init__("We could not load the requested migration.", internal=internal)


class MigrationNotFinished(Unexpected):
    """The key was found in its old form, but could not be rewritten."""

    def __init__(self, internal: str) -> None:
        super().__init__("The hash and migration id of the key could not be updated.", internal=internal)


class MalformedKey(AppError):
    """The key does not have the form its migration expects."""

    code = ErrorCode.AUTHENTICATION_MALFORMED
    sentence = "Invalid key format"


class UnknownLimit(AppError):
    """A limit was named that neither the key nor its identity has."""

    code = ErrorCode.APPLICATION_PRECONDITION_FAILED

    def __init__(self, name: str, key_id: str, identity: tuple[str, str] | None) -> None:
        """Name the limit, the key, and the identity as id and external id."""
        start = f"ratelimit '{name}' was requested but does not exist for key '{key_id}'"
        if identity is None:
            super().__init__(f"{start} and there is no identity connected.")
        else:
            super().__init__(f"{start} nor identity: '{identity[0]}' external ID: '{identity[1]}'")


class DurationTooShort(InvalidInput):
    """A limit made up for the request has a window no limiter keeps."""

    def __init__(self, index: int, minimum_ms: int) -> None:
        super().__init__(
            f"`ratelimits[{index}].duration` must be at least {minimum_ms} milliseconds.",
            violations=(
                Violation(
                    location=f"/properties/ratelimits/items/{index}/properties/duration/minimum",
                    message=f"minimum: must be at least {minimum_ms}",
                ),
            ),
        )
