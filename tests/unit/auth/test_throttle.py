"""What callers are told of the limit on their workspace's requests."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.support.clock import FixedClock
from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.areas.ratelimit.engine.types import Check, Decision
from unkey_api.auth.throttle import NAMESPACE, RequestThrottle, WorkspaceRateLimited
from unkey_api.auth.workspaces import WorkspaceLimits, limits_cache
from unkey_api.core.principal import Principal, SubjectType
from unkey_api.infra.resilience.tasks import BackgroundJobs

NOW = 1_750_000_000_000
CALLER = Principal("ws_1", "key_1", "root key", SubjectType.ROOT_KEY, frozenset())


class Rows:
    """A database with one row of limits."""

    async def fetch_one(self, query: object, params: Any) -> Any:
        return WorkspaceLimits(5)

    async def fetch_all(self, query: object, params: Any) -> list[Any]:
        raise NotImplementedError


class Deciding:
    """A limiter with one answer, which it has to ask for."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.checks: list[Check] = []

    def try_limit_now(self, check: Check) -> None:
        return None

    async def limit(self, check: Check) -> Decision:
        self.checks.append(check)
        return self.decision


@pytest.mark.parametrize(
    ("left_ms", "said"), [(-5_000, b"0"), (-1, b"0"), (0, b"0"), (999, b"0"), (1_000, b"1"), (59_999, b"59")]
)
async def test_whole_seconds_to_the_end_of_the_window_and_never_less_than_none(left_ms: int, said: bytes) -> None:
    """The window may have ended while the decision was on its way."""
    clock = FixedClock(NOW)
    cache = limits_cache(clock=clock, refreshes=BackgroundJobs("test"))
    limiter = Deciding(Decision(success=False, remaining=0, reset_ms=NOW + left_ms, limit=5, current=6))
    throttle = RequestThrottle(cache, lambda _: Rows(), cast("RateLimiter", limiter), clock=clock)
    headers: list[tuple[bytes, bytes]] = []
    waiting = throttle.admit(CALLER, headers)
    assert waiting is not None
    with pytest.raises(WorkspaceRateLimited, match="5/1m0s"):
        await waiting
    assert headers == [
        (b"ratelimit-limit", b"5"),
        (b"ratelimit-remaining", b"0"),
        (b"ratelimit-reset", said),
        (b"retry-after", said),
    ]
    assert limiter.checks == [Check("ws_1", NAMESPACE, "ws_1", 5, 60_000)]
