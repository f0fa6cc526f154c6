"""What an API is to the rest of the service, and what can go wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.core.ids import ApiId, KeyspaceId


@dataclass(frozen=True, slots=True)
class LiveApi:
    """An API that is not deleted, with the settings of its keyspace, which is not deleted either."""

    id: ApiId
    name: str
    workspace_id: str
    keyspace_id: KeyspaceId
    store_encrypted_keys: bool
    """Whether keys may be stored recoverably."""
    default_prefix: str | None
    default_bytes: int | None
    """Length of new keys in bytes; None leaves it to the service."""


class ApiProtected(AppError):
    """The API must not be deleted."""

    code = ErrorCode.APPLICATION_PROTECTED_RESOURCE
    sentence = "This API has delete protection enabled. Disable it before attempting to delete."


class ApiKeepsNoSecrets(AppError):
    """The keyspace does not keep keys recoverably, so there is nothing to decrypt."""

    code = ErrorCode.APPLICATION_PRECONDITION_FAILED
    sentence = "The requested API does not support key encryption."
