"""Why an expensive verification was not made."""

from __future__ import annotations

from unkey_api.core.errors import AppError, ErrorCode, Unexpected


class HashingBusy(AppError):
    """Too many keys with expensive hashes are presented at once. Never a verdict: the caller may try again."""

    code = ErrorCode.USER_TOO_MANY_REQUESTS_WORKSPACE_RATE_LIMITED

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("Too many keys that still have an expensive hash are being verified. Please try again later.")
        self.retry_after_seconds = retry_after_seconds


class HashingNotInstalled(Unexpected):
    """The extra `migration` is not installed."""

    def __init__(self, internal: str) -> None:
        super().__init__("The key could not be verified.", internal=internal)
