"""What is told about a failure outside of the answer: in the log and in the row of the request."""

from __future__ import annotations

from unkey_api.core.error_code import ErrorCode
from unkey_api.core.secret import MASK
from unkey_api.core.secret_shapes import without_secrets
from unkey_api.core.shortening import shorten
from unkey_api.infra.telemetry.scrubber import TEXT_CHARS_MAX, Scrubber
from unkey_api.rpc.errors import Failure

_MASK = MASK.encode()
_scrub = Scrubber().scrub


def without_keys(text: str, code: ErrorCode) -> str:
    """Return a text about a failure without anything that may be a key.

    Texts quote what callers sent, and callers send keys where ids and names belong. What a dependency says has names
    of hosts and no words of the caller, so it keeps whatever is no secret by its shape.
    """
    if code is not ErrorCode.APPLICATION_SERVICE_UNAVAILABLE:
        cut = shorten(text, TEXT_CHARS_MAX).encode("utf-8", "replace")
        text = without_secrets(cut, _MASK, spare=False).decode()
    return _scrub(text)


def internal_text(failure: Failure) -> str:
    """Return the sentence for the operator."""
    return without_keys(failure.internal, _code(failure))


def public_text(failure: Failure) -> str:
    """Return the sentence that the caller got, as it may be kept."""
    return without_keys(failure.public, _code(failure))


def _code(failure: Failure) -> ErrorCode:
    return failure.entry.code if failure.entry else ErrorCode.APPLICATION_UNEXPECTED_ERROR
