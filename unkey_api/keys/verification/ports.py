"""What verification needs of the rate limiter and of the credits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from unkey_api.core.identifiers import KeyId
from unkey_api.ratelimit.engine.types import BatchDecision, Check, Decision


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


class Spend(NamedTuple):
    """What became of credits asked for."""

    allowed: bool
    remaining: int | None
    """Credits left, whether allowed or not; None when use is not limited."""


class Credits(Protocol):
    """Takes credits off keys."""

    async def spend(self, key_id: KeyId, cost: int) -> Spend:
        """Take `cost` (at least 0) if so much is left. Raises an `AppError` when that cannot be found out."""
        ...
