"""Balances in MySQL."""

from __future__ import annotations

from unkey_api.infra.mysql.errors import StoreUnavailable
from unkey_api.infra.mysql.ports import WriteConn
from unkey_api.infra.mysql.statement import load_query, load_statement
from unkey_api.infra.resilience.errors import NotAttempted
from unkey_api.keys.credits.types import Balance

_PACKAGE = "unkey_api.keys"

GET_REMAINING_REQUESTS = load_query(_PACKAGE, "key_get_remaining_requests", row=Balance)
UPDATE_REMAINING_DECREMENT = load_statement(_PACKAGE, "key_update_remaining_decrement")
UPDATE_REMAINING_WRITE_OFF = load_statement(_PACKAGE, "key_update_remaining_write_off")


class SqlCreditBalances:
    """`keys.remaining_requests`. Satisfies `ports.CreditBalances`."""

    def __init__(self, primary: WriteConn) -> None:
        """Take the primary: a balance that lags would give credits away, or refuse those just bought."""
        self._primary = primary

    async def find(self, key_id: str) -> Balance | None:
        """Return the balance; None when there is no such key."""
        return await self.find_current(key_id)

    async def find_current(self, key_id: str) -> Balance | None:
        """Return the balance; None when there is no such key."""
        return await self._primary.fetch_one(GET_REMAINING_REQUESTS, {"key_id": key_id})

    async def spend(self, key_id: str, amount: int) -> int | None:
        """Take `amount`, at least 1, and return what is left; None when that much is not there."""
        result = await self._primary.execute(UPDATE_REMAINING_DECREMENT, {"key_id": key_id, "amount": amount})
        return result.last_id if result.affected else None

    async def write_off(self, key_id: str, amount: int) -> None:
        """Take off what was already granted, down to zero at most. Raises `NotAttempted` when nothing was done."""
        try:
            await self._primary.execute(UPDATE_REMAINING_WRITE_OFF, {"key_id": key_id, "amount": amount})
        except StoreUnavailable as error:
            if error.outcome_unknown:
                raise
            raise NotAttempted(error.public, internal=error.internal) from error
