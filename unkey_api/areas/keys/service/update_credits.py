"""Set, add to or take from the credits of a key."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.areas.keys import change_queries
from unkey_api.areas.keys.errors import CreditsTooLarge, CreditsUnlimited, CreditValueMissing
from unkey_api.areas.keys.live_queries import LiveKey, get_key_for
from unkey_api.areas.keys.service import events
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.keys.types import UNSET, CreditOperation, Unset
from unkey_api.core.principal import Caller
from unkey_api.infra.mysql import Transaction

CREDITS_MAX = 2**63 - 1
"""More cannot be shown: answers carry signed 64-bit numbers."""


@dataclass(frozen=True, slots=True)
class CreditState:
    """Credits after the change."""

    remaining: int | None
    """None: unlimited."""
    refill_amount: int | None
    refill_day: int | None


class UpdateCredits:
    """Changes how many uses a key has left."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts

    async def __call__(
        self, caller: Caller, key_id: str, operation: CreditOperation, *, value: int | Unset | None
    ) -> CreditState:
        """Change the balance and return it. What any process has spent is written before.

        Args:
            caller: Who asks.
            key_id: The key.
            operation: `decrement` stops at zero.
            value: 0 or more. To set: None and nothing both mean unlimited, and None drops the refill as well.

        Raises:
            KeyNotFound: There is no such key in the caller's workspace, or no longer.
            InsufficientPermissions: The caller may not change it.
            InvalidInput: The operation makes no sense for the value or for the key.
            StoreUnavailable: Nothing was changed.
        """
        primary = self._parts.database.primary
        key = await get_key_for(primary, caller.principal, key_id, lambda key: key.needs("update_key"))
        amount = None if value is UNSET else value
        if operation is not CreditOperation.SET:
            if amount is None:
                raise CreditValueMissing
            if key.remaining_requests is None:
                raise CreditsUnlimited
        drop_refill = value is None
        await self._parts.credits.flush(key.id)

        async def work(tx: Transaction) -> int | None:
            locked = await change_queries.lock(tx, key.workspace_id, key.id)
            remaining = _changed(locked.remaining_requests, operation, amount)
            await change_queries.set_credits(tx, key.workspace_id, key.id, remaining, drop_refill=drop_refill)
            event = events.credits_set(key.id, key.keyspace_id, locked.remaining_requests, remaining)
            await self._parts.audit.record(tx, caller, [event])
            tx.tell(locked.changed(key.workspace_id))
            return remaining

        remaining = await self._parts.database.transaction(
            "keys.update_credits", work, on_commit=lambda _: self._parts.credits.invalidate(key.id)
        )
        return _state(key, remaining, drop_refill=drop_refill)


def _changed(balance: int | None, operation: CreditOperation, amount: int | None) -> int | None:
    if operation is CreditOperation.SET or amount is None:
        return amount
    if balance is None:
        raise CreditsUnlimited
    if operation is CreditOperation.DECREMENT:
        return max(0, balance - amount)
    if balance + amount > CREDITS_MAX:
        raise CreditsTooLarge(CREDITS_MAX)
    return balance + amount


def _state(key: LiveKey, remaining: int | None, *, drop_refill: bool) -> CreditState:
    if drop_refill:
        return CreditState(remaining, None, None)
    return CreditState(remaining, key.refill_amount, key.refill_day)
