"""What can go wrong with keys."""

from __future__ import annotations

from typing import Self

from unkey_api.core.errors import AppError, ErrorCode, InvalidInput, ServiceUnavailable


class ApiNotFound(AppError):
    """No such API, a deleted one, one of another workspace, or one the caller may not know of: always one sentence."""

    code = ErrorCode.DATA_API_NOT_FOUND
    sentence = "The requested API does not exist or has been deleted."

    @classmethod
    def by_id(cls, api_id: str) -> Self:
        """Say for the logs which one was asked for."""
        return cls(internal=f"api {api_id} is absent, deleted or of another workspace")


class IssuingApiNotFound(ApiNotFound):
    """The same where a key is to be created: that operation has a sentence of its own."""

    sentence = "The specified API was not found."


class PreconditionFailed(AppError):
    """Something has to be set up first."""

    code = ErrorCode.APPLICATION_PRECONDITION_FAILED


class NoKeyspace(PreconditionFailed):
    """The API has nowhere to put keys."""

    sentence = "The requested API is not set up to handle keys."


class NoVault(PreconditionFailed):
    """No vault is configured."""

    sentence = "Vault hasn't been set up."


class EncryptionUnsupported(PreconditionFailed):
    """The keyspace does not keep keys recoverably."""

    sentence = "This API does not support key encryption."


class EncryptionFailed(ServiceUnavailable):
    """The vault did not encrypt. Nothing was created."""

    def __init__(self, internal: str) -> None:
        super().__init__("Failed to encrypt key in vault.", internal=internal)


class KeyExpired(PreconditionFailed):
    """A key that has ended is not brought back by a reroll, and a successor would have ended with it."""

    sentence = "The key has expired and cannot be rerolled. Move its `expires` first, or create a new key."


class KeyAlreadyRerolled(PreconditionFailed):
    """The key ends because of an earlier reroll; a repeated call must not make a second successor."""

    def __init__(self, successor_id: str) -> None:
        super().__init__(
            f"The key has already been rerolled; its successor is '{successor_id}'. Reroll the successor instead."
        )


class RefillNeedsRemaining(InvalidInput):
    """An unlimited key has nothing to fill up."""

    sentence = "`credits.remaining` must be provided when `credits.refill` is set."


class RefillDayMissing(InvalidInput):
    """A monthly refill without its day."""

    sentence = "`refillDay` must be provided when the refill interval is `monthly`."


class RefillDayRefused(InvalidInput):
    """A daily refill with a day of the month."""

    sentence = "`refillDay` must not be provided when the refill interval is `daily`."


class KeyNotFound(AppError):
    """No such key for this caller: absent, deleted, or of another workspace. Always the same answer."""

    code = ErrorCode.DATA_KEY_NOT_FOUND
    sentence = "The specified key was not found."


class DecryptionUnsupported(PreconditionFailed):
    """The keyspace does not keep keys recoverably."""

    sentence = "The API for this key does not support key encryption."


class CreditValueMissing(InvalidInput):
    """Adding or taking nothing in particular."""

    sentence = "`value` is required when the operation is `increment` or `decrement`."


class CreditsUnlimited(InvalidInput):
    """There is no number to add to or to take from."""

    sentence = "Unlimited credits cannot be incremented or decremented; use `set`."


class CreditsTooLarge(InvalidInput):
    """The sum would not fit."""

    def __init__(self, most: int) -> None:
        super().__init__(f"`value` is too large: a key holds at most {most} credits.")


class HashUnsuitable(InvalidInput):
    """A hash that could not be verified later, or only at too high a price."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"`keys[{index}].hash` {reason}.")


class MigrationNotFound(AppError):
    """The workspace has no such migration."""

    code = ErrorCode.DATA_MIGRATION_NOT_FOUND
    sentence = "The requested Migration does not exist or has been deleted."
