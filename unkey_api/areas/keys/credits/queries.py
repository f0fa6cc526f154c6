"""Balances in MySQL."""

from __future__ import annotations

from unkey_api.areas.keys.credits.types import EPOCHS_PER_MS, Balance
from unkey_api.infra.mysql.ports import WriteConn
from unkey_api.infra.mysql.statement import load_query, load_statement

KEPT_EPOCHS = 7 * 86_400_000 * EPOCHS_PER_MS  # a process that has been away for that long has nothing to write any more

_PACKAGE = "unkey_api.areas.keys"

GET_BALANCE = load_query(_PACKAGE, "key_get_balance", row=Balance)
INSERT_EPOCH = load_statement(_PACKAGE, "key_credit_write_off_insert")
DELETE_EPOCHS = load_statement(_PACKAGE, "key_credit_write_off_delete_before")
UPDATE_REMAINING_DECREMENT = load_statement(_PACKAGE, "key_update_remaining_decrement")
UPDATE_REMAINING_WRITE_OFF = load_statement(_PACKAGE, "key_update_remaining_write_off")


class SqlCreditBalances:
    """`keys.remaining_requests` and `key_credit_write_offs` of the primary. Satisfies `ports.CreditBalances`."""

    def __init__(self, primary: WriteConn) -> None:
        self._primary = primary

    async def find(self, key_id: str, epoch: int = 0) -> Balance | None:
        """Return the balance as of now, and what of this epoch is in it; None when there is no such key."""
        return await self._primary.fetch_one(GET_BALANCE, {"key_id": key_id, "epoch": epoch})

    async def begin(self, key_id: str, epoch: int) -> None:
        """Note that an epoch is written for, and forget those of a week ago. Safe to repeat."""
        await self._primary.execute(INSERT_EPOCH, {"key_id": key_id, "epoch": epoch})
        await self._primary.execute(DELETE_EPOCHS, {"key_id": key_id, "epoch": max(0, epoch - KEPT_EPOCHS)})

    async def spend(self, key_id: str, amount: int) -> int | None:
        """Take `amount`, at least 1, and return what is left; None when that much is not there."""
        result = await self._primary.execute(UPDATE_REMAINING_DECREMENT, {"key_id": key_id, "amount": amount})
        return result.last_id if result.affected else None

    async def write_off(self, key_id: str, epoch: int, *, written: int, granted: int) -> bool:
        """Take off what was granted beyond `written`, down to zero at most. False: `written` is not the mark."""
        where = {"key_id": key_id, "epoch": epoch, "written": written}
        amounts = {"granted": granted, "amount": granted - written}
        return (await self._primary.execute(UPDATE_REMAINING_WRITE_OFF, {**where, **amounts})).affected > 0
