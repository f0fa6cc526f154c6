"""The one family of expected failures.

    AppError                    something a caller can be told about
    └── one subclass per failure a caller can act on, in the `errors.py` of its domain

An `AppError` carries three separate things: a stable code, a sentence for the caller, a sentence for the operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from unkey_api.core.error_code import ErrorCode

__all__ = [
    "AppError",
    "ErrorCode",
    "InvalidInput",
    "ServiceUnavailable",
    "Unexpected",
    "Violation",
]


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule of a request."""

    location: str
    """JSON pointer to the rule (`/properties/name/minLength`), `security` or `requestBody`."""
    message: str
    """What was wrong."""
    fix: str = ""
    """What would make it right; empty when the message says it all."""


class AppError(Exception):
    """An expected failure. `public` goes to the caller; `internal` only to logs and analytics."""

    code: ClassVar[ErrorCode] = ErrorCode.APPLICATION_UNEXPECTED_ERROR
    sentence: ClassVar[str] = ""
    """What the caller is told, where that is always the same."""
    retry_after_seconds: int | None = None
    """In how many seconds to ask again, which goes to the caller as `Retry-After`; None where nobody knows."""

    def __init__(self, public: str = "", *, internal: str = "", violations: tuple[Violation, ...] = ()) -> None:
        """Take what the caller is told; without it, that is the `sentence` of the class."""
        public = public or self.sentence
        super().__init__(internal or public)
        self.public = public
        self.internal = internal
        self.violations = violations


class InvalidInput(AppError):
    """The request breaks a rule that its schema cannot express."""

    code = ErrorCode.APPLICATION_INVALID_INPUT


class ServiceUnavailable(AppError):
    """A dependency failed. Never a denial: the caller may try again."""

    code = ErrorCode.APPLICATION_SERVICE_UNAVAILABLE


class Unexpected(AppError):
    """A broken invariant or unusable stored data."""

    code = ErrorCode.APPLICATION_UNEXPECTED_ERROR
