"""Writing to MySQL what was spent in Redis, behind the answers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

import structlog

from unkey_api.areas.keys.credits.ports import CreditBalances, CreditObserver
from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.resilience.breaker import CircuitBreaker, CircuitOpen
from unkey_api.infra.resilience.tasks import BackgroundJobs, Sleep

WRITERS = 8
WRITE_SECONDS = 10.0
RETRY_SECONDS = 0.5  # between attempts while MySQL does not take writes
CLOSING_TRIES = 3  # then the process ends; what it granted is still known in Redis
MARKS_MAX = 10_000  # marks remembered to spare a read; any of them may be forgotten

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayBounds:
    """How much may wait, and how long a request waits for it."""

    capacity: int = 10_000
    """Keys with spends to write. Beyond it spends wait, so that MySQL does not fall behind without end."""
    admit_seconds: float = 5.0
    """What a request gives for room in a full buffer."""
    settle_seconds: float = 2.0
    """What a request gives for its own key to be written first."""
    drain_seconds: float = 30.0
    """How long closing may take."""


class CreditReplays:
    """Marks waiting to be written: up to where the grants of a key, in one epoch, are to be taken off its balance.

    A mark covers what every process granted until then, those that have died included. Writing one is safe to repeat,
    so a write that failed is tried again until it is made, whatever became of it.
    """

    def __init__(
        self,
        balances: CreditBalances,
        breaker: CircuitBreaker,
        *,
        clock: Clock,
        observer: CreditObserver,
        bounds: ReplayBounds | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._balances = balances
        self._breaker = breaker
        self._clock = clock
        self._observer = observer
        self._sleep = sleep
        self._bounds = bounds or ReplayBounds()
        self._pending: dict[str, dict[int, int]] = {}
        """By key and epoch, up to where to write."""
        self._writing: dict[str, dict[int, int]] = {}
        """The same of what is being written just now."""
        self._written: OrderedDict[tuple[str, int], int] = OrderedDict()
        """Marks as MySQL had them when it was asked last."""
        # Twice, because a key that somebody waits for is queued a second time, in front.
        self._jobs = BackgroundJobs("credits.replays", max_running=WRITERS, max_queued=2 * self._bounds.capacity)
        self._progress = asyncio.Event()
        self._closing = asyncio.Event()
        self.accepted = 0
        """Spends taken so far."""
        self.dropped = 0
        """Spends left to the next one of their key, so far, because the buffer stayed full."""
        self.refused = 0
        """The same because they came after closing."""

    def __len__(self) -> int:
        """Keys with spends that are not written yet."""
        return len(self._pending.keys() | self._writing.keys())

    @property
    def capacity(self) -> int:
        """Keys that may wait."""
        return self._bounds.capacity

    async def add(self, key_id: str, epoch: int, granted: int) -> None:
        """Have everything granted up to this mark written. Waits while the buffer is full.

        What finds no room is logged; it is still known in Redis, and written with the next spend of the key.
        """
        if not self._has_room(key_id):
            try:
                async with asyncio.timeout(self._bounds.admit_seconds):
                    while not self._has_room(key_id):
                        await self._progress.wait()
            except TimeoutError:
                self.dropped += 1
                _put_off("no room")
                return
        if self._keep(key_id, epoch, granted):
            self.accepted += 1
        else:
            self.refused += 1
            _put_off("closed")

    def seen(self, key_id: str, epoch: int, written: int) -> None:
        """Remember where MySQL had the mark, which only moves up."""
        self._written.pop((key_id, epoch), None)
        self._written[key_id, epoch] = written
        if len(self._written) > MARKS_MAX:
            self._written.popitem(last=False)

    def owed_elsewhere(self, key_id: str, epoch: int) -> int:
        """Return what waits here of epochs other than this one, at most: Redis has lost their tallies."""
        waiting = dict(self._writing.get(key_id, {}))
        for other, granted in self._pending.get(key_id, {}).items():
            waiting[other] = max(granted, waiting.get(other, 0))
        waiting.pop(epoch, None)
        return sum(max(0, granted - self._written.get((key_id, other), 0)) for other, granted in waiting.items())

    async def flush(self, key_id: str) -> bool:
        """Have this key's spends written first. Return False when that took too long; they are then still coming."""
        if key_id not in self._pending and key_id not in self._writing:
            return True
        if key_id not in self._writing:
            self._jobs.submit(partial(self._write_key, key_id), urgent=True)
        try:
            async with asyncio.timeout(self._bounds.settle_seconds):
                while key_id in self._pending or key_id in self._writing:
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Take no more and write the rest within the bound; the breaker is not asked any more."""
        self._closing.set()
        await self._jobs.close(grace_seconds=self._bounds.drain_seconds)
        if self._pending or self._writing:
            _log.error("credit spends not written at shutdown", count=len(self))

    def _keep(self, key_id: str, epoch: int, granted: int) -> bool:
        """Have the mark wait, together with others of the key. Return False after closing."""
        marks = self._pending.get(key_id)
        if marks is not None:
            marks[epoch] = max(granted, marks.get(epoch, 0))
            return True
        self._pending[key_id] = {epoch: granted}
        if key_id not in self._writing and not self._jobs.submit(partial(self._write_key, key_id)):
            del self._pending[key_id]
            return False
        return True

    async def _write_key(self, key_id: str) -> None:
        """Write the key's marks and those that come in meanwhile: writes of one key would wait for each other."""
        if key_id in self._writing:
            return
        last_tries = CLOSING_TRIES
        try:
            while key_id in self._pending and last_tries:
                marks = self._writing[key_id] = self._pending.pop(key_id)
                self._moved_on()
                for epoch, granted in marks.items():
                    if await self._write_once(key_id, epoch, granted):
                        continue
                    self._keep(key_id, epoch, granted)
                    last_tries -= self._closing.is_set()
                    await self._sleep(RETRY_SECONDS)
        except asyncio.CancelledError:
            # Cut off at the end of the drain: nobody knows whether it was written, so it counts as not.
            cut_off, marks = self._writing.get(key_id, {}), self._pending.setdefault(key_id, {})
            marks.update({epoch: max(granted, marks.get(epoch, 0)) for epoch, granted in cut_off.items()})
            raise
        finally:
            self._writing.pop(key_id, None)
            self._moved_on()

    async def _write_once(self, key_id: str, epoch: int, granted: int) -> bool:
        """Return False when it has to be tried again."""
        started = self._clock.monotonic()
        success = again = False
        try:
            await self._write(key_id, epoch, granted)
            success = True
        except CircuitOpen:
            return False  # MySQL was not asked; what led to that was told
        except (ServiceUnavailable, TimeoutError) as error:
            again = True
            _log.warning("a credit spend is not written yet", error=repr(error))
        except Exception:  # noqa: BLE001 - the edge of a task: later spends of the key must still be written
            _log.exception("a credit spend was not written")
        self._observer.credit_replayed(success=success, seconds=self._clock.monotonic() - started)
        return not again

    async def _write(self, key_id: str, epoch: int, granted: int) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._write_off(key_id, epoch, granted)

        await (bounded() if self._closing.is_set() else self._breaker.call(bounded))

    async def _write_off(self, key_id: str, epoch: int, granted: int) -> None:
        """Move the mark, unless others have. Ends: a mark that moved in between has moved up."""
        written = self._written.get((key_id, epoch))
        while True:
            if written is None:
                balance = await self._balances.find(key_id, epoch)
                if balance is None or balance.written is None:
                    return  # the key was removed, or the epoch is so long past that nobody counts in it
                written = balance.written
            if written >= granted:
                self.seen(key_id, epoch, written)
                return
            if await self._balances.write_off(key_id, epoch, written=written, granted=granted):
                self.seen(key_id, epoch, granted)
                return
            written = None

    def _has_room(self, key_id: str) -> bool:
        return key_id in self._pending or len(self._pending) < self._bounds.capacity

    def _moved_on(self) -> None:
        self._progress.set()
        self._progress = asyncio.Event()


def _put_off(why: str) -> None:
    _log.error("a credit spend is left to the next one of its key", why=why)
