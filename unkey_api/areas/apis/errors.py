"""What can go wrong with APIs."""

from __future__ import annotations

from unkey_api.core.errors import AppError, ErrorCode


class ApiProtected(AppError):
    """The API must not be deleted."""

    code = ErrorCode.APPLICATION_PROTECTED_RESOURCE
    sentence = "This API has delete protection enabled. Disable it before attempting to delete."


class ApiKeepsNoSecrets(AppError):
    """The keyspace does not keep keys recoverably, so there is nothing to decrypt."""

    code = ErrorCode.APPLICATION_PRECONDITION_FAILED
    sentence = "The requested API does not support key encryption."
