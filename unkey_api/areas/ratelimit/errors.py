"""What can go wrong with namespaces and overrides. That a limit is used up is not an error."""

from __future__ import annotations

from unkey_api.core.errors import AppError, ErrorCode, InvalidInput, Unexpected


class NamespaceNotFound(AppError):
    """The workspace has no such namespace."""

    code = ErrorCode.DATA_RATELIMIT_NAMESPACE_NOT_FOUND
    sentence = "This namespace does not exist."


class NamespaceGone(AppError):
    """The namespace was deleted; its name stays taken."""

    code = ErrorCode.DATA_RATELIMIT_NAMESPACE_GONE
    sentence = "This namespace has been deleted. Contact support to restore."


class NamespaceVanished(Unexpected):
    """Somebody else created the namespace at the same time, and yet it cannot be read."""

    def __init__(self, name: str) -> None:
        super().__init__("Failed to fetch namespace after race condition.", internal=f"namespace {name!r} vanished")


class TooManyPatterns(InvalidInput):
    """Each check of an identifier may have to try every pattern of its namespace."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"`identifier` is one pattern too many: a namespace has at most {most:,} overrides with a wildcard. "
            "Delete one first, or cover more identifiers with one pattern."
        )


class OverrideNotFound(AppError):
    """The namespace has no such override, or the caller may not know of it: always one sentence."""

    code = ErrorCode.DATA_RATELIMIT_OVERRIDE_NOT_FOUND
    sentence = "This override does not exist."
