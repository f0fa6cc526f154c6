"""Redis as the region's counter store of the limiter, and as the credit counter of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from unkey_api.infra.redis.client import RedisClient
from unkey_api.infra.redis.errors import RedisUnavailable
from unkey_api.infra.redis.scripts import CREDIT_FORGET, CREDIT_OPEN, CREDIT_TAKE

# A little less than the limiter waits: the client has to see for itself that a connection is silent, to give it up.
READ_SECONDS = 0.29
SYNC_SECONDS = 1.9  # increments travel behind the answers and may take longer than a read in front of one


class RedisCounters:
    """Counters as plain integer keys. Every method raises `RedisUnavailable` when Redis does not answer."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def read_many(self, keys: Sequence[str]) -> list[int]:
        """Return the counts in order, 0 for counters that do not exist."""
        return [value or 0 for value in await self._client.get_many(keys, seconds=READ_SECONDS)]

    async def increment_many(self, increments: Sequence[tuple[str, int, int]]) -> list[int | None]:
        """Add (key, amount, seconds to live if new) and return the new counts; None for one beyond 64 bits."""
        return await self._client.increment_many(increments, seconds=SYNC_SECONDS)


class Tally(NamedTuple):
    """What was granted from the copies of one key's balance."""

    epoch: int
    """Which run of counting this is: another one begins when Redis has lost the tally."""
    granted: int
    """Everything granted since the epoch began. Only grows."""
    version: int
    """Goes up when the balance was changed by other means than a spend."""


class Base(NamedTuple):
    """What a copy is made of, as MySQL had it in one read."""

    epoch: int
    version: int
    """Of the tally before that read."""
    balance: int
    written: int
    """How much of what was granted in the epoch was taken off the balance already."""
    ttl_ms: int


class Taken(NamedTuple):
    """Answer to a spend."""

    value: int
    """What the copy holds now; 0 when there is none."""
    existed: bool
    taken: bool
    """False: the copy held less than asked, or there is none. Nothing was changed."""
    epoch: int
    granted: int
    """Of the tally, this spend included."""


TALLY_TTL_MS = 86_400_000  # from the last copy on: longer than anybody should wait for MySQL to take writes


class RedisCredits:
    """Copies of balances under `credits:{<key id>}`, tallies beside them. The braces keep both in one hash slot."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def take(self, key_id: str, amount: int) -> Taken:
        """Take `amount` off the copy if there is one and it is large enough."""
        return _taken(await self._client.run_script(CREDIT_TAKE, _names(key_id), (amount,)))

    async def open(self, key_id: str, epoch: int) -> Tally:
        """Return the tally, made with this epoch if there is none, and have it live for another day."""
        answer = await self._client.run_script(CREDIT_OPEN, _names(key_id)[1:], (epoch, TALLY_TTL_MS))
        return _tally(answer)

    async def start(self, key_id: str, amount: int, base: Base) -> Taken:
        """Make a copy if there is none, then take. `existed` is False when `base` was read too early."""
        arguments = (amount, base.epoch, base.version, base.balance, base.written, base.ttl_ms)
        return _taken(await self._client.run_script(CREDIT_TAKE, _names(key_id), arguments))

    async def tally(self, key_id: str) -> Tally | None:
        """Return the tally; None when there is none."""
        found = await self._client.get_fields(_names(key_id)[1], "epoch", "granted", "version")
        return None if None in found else _tally(found)

    async def forget(self, key_id: str) -> None:
        """Drop the copy, and keep those who have read the balance before from making another."""
        await self._client.run_script(CREDIT_FORGET, _names(key_id), ())


def _names(key_id: str) -> tuple[str, str]:
    return f"credits:{{{key_id}}}", f"credits:{{{key_id}}}:tally"


def _taken(answer: Sequence[int | None]) -> Taken:
    value, existed, taken, epoch, granted = _known(answer, 5)
    return Taken(value, existed == 1, taken == 1, epoch, granted)


def _tally(answer: Sequence[int | None]) -> Tally:
    epoch, granted, version = _known(answer, 3)
    return Tally(epoch, granted, version)


def _known(answer: Sequence[int | None], count: int) -> list[int]:
    known = [number for number in answer if number is not None]
    if len(known) != count:
        raise RedisUnavailable("unexpected answer to a script of credits")
    return known
