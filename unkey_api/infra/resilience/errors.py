"""Failures of a dependency that are told apart because metrics and callers treat them differently."""

from __future__ import annotations

from unkey_api.core.errors import ServiceUnavailable

_PUBLIC = "A dependency of this service is unavailable. Please try again."


class NotAttempted(ServiceUnavailable):
    """Nothing can have happened at the dependency: it was not asked, or refused before doing anything."""


class CircuitOpen(NotAttempted):
    """The breaker refused the call; the dependency was not asked."""

    def __init__(self, name: str) -> None:
        super().__init__(_PUBLIC, internal=f"circuit breaker {name} is open")


class DependencyTimeout(ServiceUnavailable):
    """No answer within the time allowed. Whether the dependency acted is unknown."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(_PUBLIC, internal=f"{what} gave no answer within {seconds:.3f} s")


def failure_reason(error: BaseException) -> str:
    """Return the metric label of a failed call: `circuit_open`, `timeout` or `other`."""
    if isinstance(error, CircuitOpen):
        return "circuit_open"
    if isinstance(error, DependencyTimeout | TimeoutError):
        return "timeout"
    return "other"
