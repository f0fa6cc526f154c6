"""What goes into a check and what comes out."""

from __future__ import annotations

from typing import NamedTuple

from unkey_api.core.errors import Unexpected

MIN_DURATION_MS = 1_000


class Check(NamedTuple):
    """One question: may this identifier spend `cost` now? A named tuple, because one is made per request."""

    workspace_id: str
    namespace: str
    """Any string that keeps counters apart, such as a namespace id."""
    identifier: str
    limit: int
    """Units allowed per window; 0 denies everything."""
    duration_ms: int
    """Window length in milliseconds, at least 1,000. Part of the counter's identity."""
    cost: int = 1
    """Units to spend; 0 asks without consuming."""
    time_ms: int = 0
    """Unix time of the request in milliseconds; 0 takes the limiter's clock."""


class Decision(NamedTuple):
    """The answer to one check."""

    success: bool
    remaining: int
    """Units left, never negative; 0 when denied on its own."""
    reset_ms: int
    """End of the running window, Unix time in milliseconds. The same whether allowed or denied."""
    limit: int
    current: int
    """What the decision compared with the limit, this check's cost included."""


class BatchDecision(NamedTuple):
    """The answer to several checks that pass or fail together."""

    passed: bool
    """True when every check passed; otherwise nothing was consumed."""
    decisions: tuple[Decision, ...]
    """In the order of the checks, each with its own outcome."""


class InvalidCheck(Unexpected):
    """A check that breaks a precondition. Nothing was counted."""

    def __init__(self, internal: str) -> None:
        super().__init__("We're unable to process the rate limit request.", internal=internal)


def validate(check: Check) -> None:
    """Raise `InvalidCheck` for the first broken precondition."""
    if not check.workspace_id:
        raise InvalidCheck("workspace id is empty")
    if not check.namespace:
        raise InvalidCheck("namespace is empty")
    if not check.identifier:
        raise InvalidCheck("identifier is empty")
    if check.limit < 0:
        raise InvalidCheck("limit is negative")
    if check.cost < 0:
        raise InvalidCheck("cost is negative")
    if check.duration_ms < MIN_DURATION_MS:
        raise InvalidCheck("duration is below one second")
