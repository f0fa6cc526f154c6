"""What verification needs of the rate limiter and of the credits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unkey_api.areas.keys.credits.types import CreditDecision
from unkey_api.areas.ratelimit.engine.types import BatchDecision, Check, Decision


class Limiter(Protocol):
    """Counts spends against windows."""

    def try_limit_now(self, check: Check) -> Decision | None:
        """Decide without awaiting, or return None."""
        ...

    async def limit(self, check: Check) -> Decision:
        """Decide one check. Raises an `AppError` when it cannot."""
        ...

    async def limit_many(self, checks: Sequence[Check]) -> BatchDecision:
        """Decide several together: all are counted or none. Raises as `limit` does."""
        ...


class Credits(Protocol):
    """Takes credits off keys."""

    async def spend(self, key_id: str, cost: int) -> CreditDecision:
        """Take `cost` (at least 0) if so much is left. Raises an `AppError` when that cannot be found out."""
        ...
