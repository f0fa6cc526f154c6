"""In-memory stores behind the limiters' ports. The contract suites hold them to what the real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.redis.client import Taken
from unkey_api.keys.credits.types import Balance
from unkey_api.ratelimit.engine.counts import StoreOperation
from unkey_api.ratelimit.engine.regions import RegionCount, WindowTotals
from unkey_api.ratelimit.engine.store import Increment


@dataclass(slots=True)
class _Held:
    value: int
    expires_at: float


class Switchable:
    """Something that can be turned off, and held up until released."""

    def __init__(self) -> None:
        self.down = False
        self.gate: asyncio.Event | None = None

    async def pass_through(self) -> None:
        """Give others a turn, wait at the gate if there is one, fail when turned off."""
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise ServiceUnavailable("away", internal="turned off by the test")


class MemoryCounterStore(Switchable):
    """A `CounterStore` shared by the nodes of a test. Notes what it was asked."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self.reads: list[list[str]] = []
        self.increments: list[list[Increment]] = []

    async def read_many(self, keys: Sequence[str]) -> list[int]:
        self.reads.append(list(keys))
        await self.pass_through()
        return [self.value(key) for key in keys]

    async def increment_many(self, increments: Sequence[Increment]) -> list[int | None]:
        self.increments.append(list(increments))
        await self.pass_through()
        return [self._increment(*increment) for increment in increments]

    def value(self, key: str) -> int:
        held = self._live(key)
        return held.value if held else 0

    def put(self, key: str, value: int, *, ttl_seconds: int = 3_600) -> None:
        self._held[key] = _Held(value, self._clock.monotonic() + ttl_seconds)

    def _increment(self, key: str, amount: int, ttl_seconds: int) -> int | None:
        held = self._live(key)
        if held is None:
            held = self._held[key] = _Held(0, self._clock.monotonic() + ttl_seconds)
        if held.value + amount >= 1 << 63:
            return None
        held.value += amount
        return held.value

    def _live(self, key: str) -> _Held | None:
        held = self._held.get(key)
        if held is not None and self._clock.monotonic() >= held.expires_at:
            del self._held[key]
            return None
        return held


@dataclass(slots=True)
class StoreCalls:
    """A `LimiterObserver` that remembers."""

    seen: list[tuple[StoreOperation, str | None]] = field(default_factory=list)

    def store_called(self, operation: StoreOperation, counters: int, seconds: float, failure: str | None) -> None:
        assert seconds >= 0
        self.seen += [(operation, failure)] * counters

    def take(self) -> list[str]:
        """Return the operations since the last call, without replays."""
        taken = [operation.value for operation, _ in self.seen if operation is not StoreOperation.SYNC]
        self.seen.clear()
        return taken


class MemoryCreditCounter(Switchable):
    """A `CreditCounter`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._held: dict[str, _Held] = {}

    async def take(self, key_id: str, amount: int) -> Taken:
        await self.pass_through()
        held = self._live(key_id)
        if held is None:
            return Taken(0, existed=False, taken=False)
        if held.value < amount:
            return Taken(held.value, existed=True, taken=False)
        held.value -= amount
        return Taken(held.value, existed=True, taken=True)

    async def start(self, key_id: str, balance: int, *, ttl_ms: int) -> bool:
        await self.pass_through()
        if self._live(key_id) is not None:
            return False
        self._held[key_id] = _Held(balance, self._clock.monotonic() + ttl_ms / 1_000)
        return True

    async def forget(self, key_id: str) -> None:
        await self.pass_through()
        self._held.pop(key_id, None)

    def value(self, key_id: str) -> int | None:
        held = self._live(key_id)
        return held.value if held else None

    def _live(self, key_id: str) -> _Held | None:
        held = self._held.get(key_id)
        if held is not None and self._clock.monotonic() >= held.expires_at:
            del self._held[key_id]
            return None
        return held


class MemoryCreditBalances(Switchable):
    """`CreditBalances`. A key that is not in `rows` does not exist; None is unlimited."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, int | None] = {}
        self.finds = 0
        self.writes: list[tuple[str, int]] = []

    async def find(self, key_id: str) -> Balance | None:
        self.finds += 1
        await self.pass_through()
        return Balance(self.rows[key_id]) if key_id in self.rows else None

    async def find_current(self, key_id: str) -> Balance | None:
        return await self.find(key_id)

    async def spend(self, key_id: str, amount: int) -> int | None:
        await self.pass_through()
        held = self.rows.get(key_id)
        if held is None or held < amount:
            return None
        self.rows[key_id] = held - amount
        return held - amount

    async def write_off(self, key_id: str, amount: int) -> None:
        await self.pass_through()
        self.writes.append((key_id, amount))
        held = self.rows.get(key_id)
        if held is not None:
            self.rows[key_id] = max(0, held - amount)


@dataclass(slots=True)
class Replayed:
    """A `CreditObserver` that remembers."""

    outcomes: list[bool] = field(default_factory=list)

    def credit_replayed(self, *, success: bool, seconds: float) -> None:
        assert seconds >= 0
        self.outcomes.append(success)


@dataclass(slots=True)
class StoredCount:
    """A row of the shared table."""

    count: int
    expires_at_ms: int
    updated_at_ms: int


WindowKey = tuple[str, str, str, int, int]


class MemorySharedTable:
    """The table behind `MemoryGlobalCounters`; all regions of a test share one."""

    def __init__(self) -> None:
        self.rows: dict[tuple[WindowKey, str], StoredCount] = {}
        self.pushes: list[list[WindowKey]] = []


class MemoryGlobalCounters(Switchable):
    """`GlobalCounters` of one region."""

    def __init__(self, table: MemorySharedTable, region: str) -> None:
        super().__init__()
        self._table = table
        self._region = region

    async def push(self, counts: Sequence[RegionCount], *, now_ms: int) -> None:
        await self.pass_through()
        self._table.pushes.append([_key(count) for count in counts])
        for count in counts:
            row = self._table.rows.setdefault((_key(count), self._region), StoredCount(0, count.expires_at_ms, now_ms))
            row.count = max(row.count, count.count)
            row.updated_at_ms = now_ms

    async def pull(self, *, now_ms: int) -> Sequence[WindowTotals]:
        await self.pass_through()
        sums: dict[WindowKey, list[int]] = {}
        for (key, region), row in self._table.rows.items():
            if row.expires_at_ms > now_ms:
                sums.setdefault(key, [0, 0])[region != self._region] += row.count
        return [WindowTotals(*key, regional=own, imported=others) for key, (own, others) in sums.items()]

    async def trim(self, *, now_ms: int, at_most: int) -> int:
        await self.pass_through()
        over = sorted((row.expires_at_ms, key) for key, row in self._table.rows.items() if row.expires_at_ms < now_ms)[
            :at_most
        ]
        for _, key in over:
            del self._table.rows[key]
        return len(over)


def _key(count: RegionCount) -> WindowKey:
    return (count.workspace_id, count.namespace, count.identifier, count.duration_ms, count.sequence)
