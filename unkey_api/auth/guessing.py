"""What guessing credentials costs whoever guesses: a bucket of failures per address, and time once it is full.

Waiting costs the one who guesses a connection or a stream for all that time, and the service a timer. How many wait is
bounded, per party and in all; one more is answered at once, as it would be without a tarpit.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from unkey_api.core.addresses import read_address, site
from unkey_api.core.clock import Clock
from unkey_api.core.errors import AppError, ErrorCode


class Tarpit:
    """Holds answers back. One per process."""

    def __init__(self, *, seconds: float, per_party: int, in_all: int) -> None:
        """Take how long each waits, and how many may wait at once."""
        self._seconds = seconds
        self._per_party = per_party
        self._in_all = in_all
        self._held: Counter[str] = Counter()
        self.held = 0
        """How many wait."""
        self._end = asyncio.Event()

    async def hold(self, party: str) -> bool:
        """Return after the time to wait, or at once when there is no room or the process stops; say which it was."""
        if self._seconds <= 0 or self._end.is_set():
            return False
        if self._held.get(party, 0) >= self._per_party or self.held >= self._in_all:
            return False
        self._held[party] += 1
        self.held += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._end.wait()
        except TimeoutError:
            pass
        finally:
            self.held -= 1
            self._held[party] -= 1
            if not self._held[party]:
                del self._held[party]
        return True

    def close(self) -> None:
        """Let everybody go, and hold nobody from now on: the process stops."""
        self._end.set()


class TooManyFailures(AppError):
    """The address has presented too many credentials that are no good."""

    code = ErrorCode.USER_TOO_MANY_REQUESTS_WORKSPACE_RATE_LIMITED

    def __init__(self, seconds: int) -> None:
        """Say when to try again."""
        super().__init__(
            "Too many requests with unknown credentials came from your address. "
            f"Check your credential and try again in {seconds} s."
        )


@dataclass(slots=True)
class _Bucket:
    failures: float = 0.0
    """Counted at `at`; they run out by themselves."""
    at: float = 0.0
    waiting: int = 0
    """Attempts under way whose end is not known."""


class FailureBuckets:
    """Counts refused credentials per address; an IPv6 address stands for its /64, a peer without one for all such.

    Satisfies `Failures` of the interceptors. Attempts that wait for the database count as failures until they have
    ended, but only beside real ones: a cold start, or a database that is slow, is nobody's guess. The address that
    failed longest ago is forgotten first.
    """

    def __init__(
        self,
        *,
        burst: int,
        per_second: float,
        addresses: int,
        clock: Clock,
        tarpit: Tarpit,
        on_refused: Callable[[], None],
        on_held: Callable[[], None],
    ) -> None:
        """Take how many failures an address has at once, how many more a second, and how many addresses to watch.

        `tarpit` holds back refusals; `on_refused` hears of each of them, `on_held` of those that had to wait as well.
        """
        self._burst = burst
        self._per_second = per_second
        self._addresses = addresses
        self._clock = clock
        self._tarpit = tarpit
        self._on_refused = on_refused
        self._on_held = on_held
        self._full_until = float("-inf")
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        """Return how many addresses are being watched."""
        return len(self._buckets)

    def seconds_to_wait(self, address: str) -> int:
        """Return after how many seconds the address may present an unknown credential; 0 for now."""
        bucket = self._buckets.get(_holder(address))
        if bucket is None:
            return 0
        failures = self._failures(bucket)
        if failures <= 0:
            return 0
        missing = failures + bucket.waiting + 1 - self._burst
        return 0 if missing <= 0 else max(1, math.ceil(missing / self._per_second))

    def any_full(self) -> bool:
        """Say whether the bucket of some address may be full. Costs next to nothing: every request is asked about."""
        return self._full_until > self._clock.monotonic()

    async def hold(self, address: str) -> float:
        """Let an address wait for its refusal, if there is room for one more that waits. Returns the seconds it did."""
        began = self._clock.monotonic()
        if await self._tarpit.hold(_holder(address)):
            self._on_held()
        return self._clock.monotonic() - began

    def refusal(self, seconds: int) -> AppError:
        """Return what a caller is told who may try again after so many seconds, and count it."""
        self._on_refused()
        return TooManyFailures(seconds)

    def begin(self, address: str) -> None:
        """Note an attempt whose end is not known."""
        self._bucket(_holder(address)).waiting += 1

    def end(self, address: str, *, failed: bool) -> None:
        """Note how an attempt ended."""
        holder = _holder(address)
        bucket = self._bucket(holder)
        bucket.waiting = max(0, bucket.waiting - 1)
        left = self._failures(bucket)
        if failed:
            bucket.failures, bucket.at = left + 1, self._clock.monotonic()
            full_for = (bucket.failures + 1 - self._burst) / self._per_second
            if full_for > 0:
                self._full_until = max(self._full_until, bucket.at + full_for)
            self._buckets.move_to_end(holder)
        elif left <= 0 and not bucket.waiting:
            del self._buckets[holder]

    def _bucket(self, holder: str) -> _Bucket:
        bucket = self._buckets.get(holder)
        if bucket is None:
            bucket = self._buckets[holder] = _Bucket()
            if len(self._buckets) > self._addresses:
                self._buckets.popitem(last=False)
        return bucket

    def _failures(self, bucket: _Bucket) -> float:
        elapsed = self._clock.monotonic() - bucket.at
        return max(0.0, bucket.failures - elapsed * self._per_second)


def _holder(address: str) -> str:
    parsed = read_address(address)
    return "" if parsed is None else site(parsed)
