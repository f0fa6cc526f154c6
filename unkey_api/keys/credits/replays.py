"""Writing to MySQL what was spent in Redis, behind the answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

import structlog

from unkey_api.core.clock import Clock
from unkey_api.infra.resilience.background import BackgroundJobs
from unkey_api.infra.resilience.breaker import CircuitBreaker
from unkey_api.infra.resilience.errors import NotAttempted
from unkey_api.infra.resilience.retry import Sleep
from unkey_api.keys.credits.ports import CreditBalances, CreditObserver

WRITERS = 8
WRITE_SECONDS = 10.0
OPEN_PAUSE_SECONDS = 0.5  # between attempts while MySQL does not take writes

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayBounds:
    """How much may wait, and how long a request waits for it."""

    capacity: int = 10_000
    """Keys with spends to write. Beyond it spends wait, because dropping one would give credits away."""
    admit_seconds: float = 5.0
    """What a request gives for room in a full buffer."""
    settle_seconds: float = 2.0
    """What a request gives for its own key to be written first."""
    drain_seconds: float = 30.0
    """How long closing may take."""


class CreditReplays:
    """Spends waiting to be written, summed up per key.

    A write that fails with an unknown outcome is logged and lost, because it may have taken effect and credits must not
    be taken twice. One that certainly did nothing, or that the breaker refuses, waits and is tried again.
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
        self._pending: dict[str, int] = {}
        self._writing: set[str] = set()
        self._refused: dict[str, int] = {}
        """Amounts whose write did certainly nothing so far."""
        # Twice, because a key that somebody waits for is queued a second time, in front.
        self._jobs = BackgroundJobs("credits.replays", max_running=WRITERS, max_queued=2 * self._bounds.capacity)
        self._progress = asyncio.Event()
        self._closing = asyncio.Event()
        self.accepted = 0
        """Spends taken so far."""
        self.dropped = 0
        """Spends lost so far because the buffer stayed full."""
        self.refused = 0
        """Spends lost so far because they came after closing."""

    def __len__(self) -> int:
        """Keys with spends that are not written yet."""
        return len(self._pending.keys() | self._writing)

    @property
    def capacity(self) -> int:
        """Keys that may wait."""
        return self._bounds.capacity

    async def add(self, key_id: str, amount: int) -> None:
        """Take a spend. Waits while the buffer is full; after a while it is logged and lost."""
        if not self._has_room(key_id):
            try:
                async with asyncio.timeout(self._bounds.admit_seconds):
                    while not self._has_room(key_id):
                        await self._progress.wait()
            except TimeoutError:
                self.dropped += 1
                self._lost(amount, "no room")
                return
        self.accepted += 1
        if key_id in self._pending:
            self._pending[key_id] += amount
            return
        self._pending[key_id] = amount
        if key_id not in self._writing and not self._jobs.submit(partial(self._write_key, key_id)):
            del self._pending[key_id]
            self.accepted -= 1
            self.refused += 1
            self._lost(amount, "closed")

    def unwritten(self, key_id: str) -> int:
        """Return what of this key's spends is waiting; what is being written just now is not part of it."""
        return self._pending.get(key_id, 0) + self._refused.get(key_id, 0)

    async def settle(self, key_id: str) -> bool:
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

    async def _write_key(self, key_id: str) -> None:
        """Write the key's spends and those that come in meanwhile: writes of one key would wait for each other."""
        if key_id in self._writing:
            return
        self._writing.add(key_id)
        try:
            while key_id in self._pending:
                amount = self._pending.pop(key_id)
                self._moved_on()
                await self._write_once(key_id, amount)
        finally:
            self._writing.discard(key_id)
            self._moved_on()

    async def _write_once(self, key_id: str, amount: int) -> None:
        started = self._clock.monotonic()
        success = False
        try:
            await self._write(key_id, amount)
            success = True
        except Exception as error:  # noqa: BLE001 - the edge of a task: later spends of the key must still be written
            self._lost(amount, repr(error))
        self._observer.credit_replayed(success=success, seconds=self._clock.monotonic() - started)

    def _has_room(self, key_id: str) -> bool:
        return key_id in self._pending or len(self._pending) < self._bounds.capacity

    def _moved_on(self) -> None:
        self._progress.set()
        self._progress = asyncio.Event()

    async def _write(self, key_id: str, amount: int) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._balances.write_off(key_id, amount)

        try:
            while not self._closing.is_set():
                try:
                    await self._breaker.call(bounded)
                except NotAttempted:
                    self._refused[key_id] = amount
                    await self._sleep(OPEN_PAUSE_SECONDS)
                else:
                    return
            await bounded()
        finally:
            self._refused.pop(key_id, None)

    @staticmethod
    def _lost(amount: int, why: str) -> None:
        _log.error("a credit spend was not written", amount=amount, why=why)
