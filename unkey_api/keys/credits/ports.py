"""What the credit limiter needs from the outside."""

from __future__ import annotations

from typing import Protocol

from unkey_api.infra.redis.client import Taken
from unkey_api.keys.credits.types import Balance


class CreditCounter(Protocol):
    """Working copies of balances. Every method raises `ServiceUnavailable` when there is no answer."""

    async def take(self, key_id: str, amount: int) -> Taken:
        """Take `amount` off the copy if there is one and it is large enough."""
        ...

    async def start(self, key_id: str, balance: int, *, ttl_ms: int) -> bool:
        """Make a copy that lives that long. Return False, changing nothing, when there is one."""
        ...

    async def forget(self, key_id: str) -> None:
        """Drop the copy."""
        ...


class CreditBalances(Protocol):
    """The truth. Every method raises `ServiceUnavailable` when there is no answer."""

    async def find(self, key_id: str) -> Balance | None:
        """Return the balance, at most a moment old; None when there is no such key."""
        ...

    async def find_current(self, key_id: str) -> Balance | None:
        """Return the balance as of now; None when there is no such key."""
        ...

    async def spend(self, key_id: str, amount: int) -> int | None:
        """Take `amount`, at least 1, in one step and return what is left; None when that much is not there."""
        ...

    async def write_off(self, key_id: str, amount: int) -> None:
        """Take off what was already granted, down to zero at most. An unlimited key stays unlimited.

        Raises `NotAttempted` where it is certain that nothing was taken off; the caller then tries again.
        """
        ...


class CreditObserver(Protocol):
    """Told about writes behind the answers."""

    def credit_replayed(self, *, success: bool, seconds: float) -> None:
        """Note one write to MySQL."""
        ...
