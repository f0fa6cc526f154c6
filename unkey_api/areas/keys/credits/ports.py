"""What the credit limiter needs from the outside."""

from __future__ import annotations

from typing import Protocol

from unkey_api.areas.keys.credits.types import Balance
from unkey_api.infra.redis.counters import Base, Taken, Tally


class CreditCounter(Protocol):
    """Copies of balances, and tallies of what was granted. Without an answer: `ServiceUnavailable`."""

    async def take(self, key_id: str, amount: int) -> Taken:
        """Take `amount` off the copy if there is one and it is large enough, and add it to the tally."""
        ...

    async def open(self, key_id: str, epoch: int) -> Tally:
        """Return the tally, made with this epoch if there is none."""
        ...

    async def start(self, key_id: str, amount: int, base: Base) -> Taken:
        """Make a copy if there is none, then take. `existed` is False, with nothing changed, for an outdated `base`."""
        ...

    async def tally(self, key_id: str) -> Tally | None:
        """Return the tally; None when there is none."""
        ...

    async def forget(self, key_id: str) -> None:
        """Drop the copy and outdate every `Base` read so far. The tally stays."""
        ...


class CreditBalances(Protocol):
    """The truth, always as of now. Every method raises `ServiceUnavailable` when there is no answer."""

    async def find(self, key_id: str, epoch: int = 0) -> Balance | None:
        """Return the balance and what of this epoch is in it, both of one moment; None when there is no such key."""
        ...

    async def begin(self, key_id: str, epoch: int) -> None:
        """Begin to write for an epoch. Safe to repeat."""
        ...

    async def spend(self, key_id: str, amount: int) -> int | None:
        """Take `amount`, at least 1, in one step and return what is left; None when that much is not there."""
        ...

    async def write_off(self, key_id: str, epoch: int, *, written: int, granted: int) -> bool:
        """Take off what was granted beyond `written`, down to zero at most, and move the mark to `granted`.

        False, with nothing changed, when the mark is not at `written`. Safe to repeat: whatever became of an earlier
        attempt, nothing is taken off twice. An unlimited key stays unlimited.
        """
        ...


class CreditObserver(Protocol):
    """Told about writes behind the answers."""

    def credit_replayed(self, *, success: bool, seconds: float) -> None:
        """Note one write to MySQL."""
        ...
