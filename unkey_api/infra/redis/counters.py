"""Redis as the region's counter store of the limiter, and as the credit counter of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from unkey_api.core.clock import Clock
from unkey_api.infra.redis.client import CREDIT_FORGET, CREDIT_OPEN, CREDIT_TAKE, RedisClient
from unkey_api.infra.redis.reconnecting import RedisUnavailable

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


IN_TIME = 0.9
"""Share of a command's budget after which Redis takes nothing for it: its caller is about to spend in MySQL instead."""
CLOCK_SECONDS = 10.0
"""How long the best guess of the server's clock is kept."""


class _ServerClock:
    """Redis's own clock, as far as its answers tell. Rather slow than fast: an answer was on its way for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ms: int | None = None
        self._told_at = 0.0

    def after(self, seconds: float) -> int:
        """Return what it will show in so many seconds; 0 before the first answer."""
        if self._ahead_ms is None:
            return 0
        return self._ahead_ms + int((self._clock.monotonic() + seconds) * 1_000)

    def tell(self, server_ms: int, *, anew: bool) -> None:
        """Take note of an answer; `anew` when what was known is no good."""
        now = self._clock.monotonic()
        ahead_ms = server_ms - int(now * 1_000)
        if anew or self._ahead_ms is None or ahead_ms > self._ahead_ms or now - self._told_at > CLOCK_SECONDS:
            self._ahead_ms, self._told_at = ahead_ms, now


class RedisCredits:
    """Copies of balances under `credits:{<key id>}`, tallies beside them. The braces keep both in one hash slot.

    A server that was silent does what it was sent meanwhile when it comes back. Spends have a deadline by its own
    clock, so that it does not take then what was taken in MySQL instead.
    """

    def __init__(self, client: RedisClient, clock: Clock) -> None:
        """Take the client, and the clock that `monotonic` is read from."""
        self._client = client
        self._clock = clock
        self._reconnecting = _ServerClock(clock)
        self._in_time_seconds = IN_TIME * client.command_seconds

    async def take(self, key_id: str, amount: int) -> Taken:
        """Take `amount` off the copy if there is one and it is large enough."""
        return await self._take(key_id, amount)

    async def open(self, key_id: str, epoch: int) -> Tally:
        """Return the tally, made with this epoch if there is none, and have it live for another day."""
        answer = await self._client.run_script(CREDIT_OPEN, _names(key_id)[1:], (epoch, TALLY_TTL_MS))
        return _tally(answer)

    async def start(self, key_id: str, amount: int, base: Base) -> Taken:
        """Make a copy if there is none, then take. `existed` is False when `base` was read too early."""
        return await self._take(key_id, amount, base.epoch, base.version, base.balance, base.written, base.ttl_ms)

    async def _take(self, key_id: str, amount: int, *base: int) -> Taken:
        """Run the script. Once more if the server's clock was set: then it says at once that it is too late."""
        sent_at = self._clock.monotonic()
        for _ in range(2):
            arguments = (amount, self._reconnecting.after(self._in_time_seconds), *base)
            answer = await self._client.run_script(CREDIT_TAKE, _names(key_id), arguments)
            server_ms, in_time, *taken = _known(answer, 7)
            self._reconnecting.tell(server_ms, anew=not in_time)
            if in_time:
                return _taken(taken)
            if self._clock.monotonic() - sent_at > self._in_time_seconds / 2:
                break
        raise RedisUnavailable("a spend reached Redis too late")

    async def tally(self, key_id: str) -> Tally | None:
        """Return the tally; None when there is none."""
        found = await self._client.get_fields(_names(key_id)[1], "epoch", "granted", "version")
        return None if None in found else _tally(found)

    async def forget(self, key_id: str) -> None:
        """Drop the copy, and keep those who have read the balance before from making another."""
        await self._client.run_script(CREDIT_FORGET, _names(key_id), ())


def _names(key_id: str) -> tuple[str, str]:
    return f"credits:{{{key_id}}}", f"credits:{{{key_id}}}:tally"


def _taken(answer: Sequence[int]) -> Taken:
    value, existed, taken, epoch, granted = answer
    return Taken(value, existed == 1, taken == 1, epoch, granted)


def _tally(answer: Sequence[int | None]) -> Tally:
    epoch, granted, version = _known(answer, 3)
    return Tally(epoch, granted, version)


def _known(answer: Sequence[int | None], count: int) -> list[int]:
    known = [number for number in answer if number is not None]
    if len(known) != count:
        raise RedisUnavailable("unexpected answer to a script of credits")
    return known
