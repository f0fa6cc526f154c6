"""In-memory stores behind the limiters' ports. The contract suites hold them to what the real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from unkey_api.areas.keys.credits.types import Balance
from unkey_api.areas.ratelimit.engine.counts import StoreOperation
from unkey_api.areas.ratelimit.engine.regions import RegionCount, WindowTotals
from unkey_api.areas.ratelimit.engine.store import Increment
from unkey_api.core.clock import Clock
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.redis.counters import Base, Taken, Tally


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


@dataclass(slots=True)
class _Grants:
    epoch: int
    granted: int = 0
    version: int = 0


class MemoryCreditCounter(Switchable):
    """A `CreditCounter`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._grants: dict[str, _Grants] = {}
        self.forgets = 0

    async def take(self, key_id: str, amount: int) -> Taken:
        await self.pass_through()
        return self._take(key_id, amount)

    async def open(self, key_id: str, epoch: int) -> Tally:
        await self.pass_through()
        grants = self._grants.setdefault(key_id, _Grants(epoch))
        return Tally(grants.epoch, grants.granted, grants.version)

    async def start(self, key_id: str, amount: int, base: Base) -> Taken:
        await self.pass_through()
        grants = self._grants.get(key_id)
        if (
            grants is not None
            and self._live(key_id) is None
            and (grants.epoch, grants.version) == (base.epoch, base.version)
        ):
            grants.granted = max(grants.granted, base.written)
            left = max(0, base.balance - (grants.granted - base.written))
            self._held[key_id] = _Held(left, self._clock.monotonic() + base.ttl_ms / 1_000)
        return self._take(key_id, amount)

    async def tally(self, key_id: str) -> Tally | None:
        await self.pass_through()
        grants = self._grants.get(key_id)
        return None if grants is None else Tally(grants.epoch, grants.granted, grants.version)

    async def forget(self, key_id: str) -> None:
        await self.pass_through()
        self.forgets += 1
        self._held.pop(key_id, None)
        if key_id in self._grants:
            self._grants[key_id].version += 1

    def drop(self, key_id: str) -> None:
        """Lose the copy, as when it is evicted."""
        self._held.pop(key_id, None)

    def lose_everything(self) -> None:
        """Start again empty."""
        self._held.clear()
        self._grants.clear()

    def value(self, key_id: str) -> int | None:
        held = self._live(key_id)
        return held.value if held else None

    def _take(self, key_id: str, amount: int) -> Taken:
        grants = self._grants.get(key_id)
        if grants is None:
            self._held.pop(key_id, None)
        held = self._live(key_id)
        if held is None or grants is None:
            return Taken(0, False, False, 0, 0)  # noqa: FBT003 - the parts of the answer in their order
        taken = held.value >= amount
        if taken:
            held.value -= amount
            grants.granted += amount
        return Taken(held.value, True, taken, grants.epoch, grants.granted)  # noqa: FBT003 - as above

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
        self.marks: dict[tuple[str, int], int] = {}
        self.finds = 0
        self.writes: list[tuple[str, int]] = []
        """Key and amount of every write-off that was made."""
        self.write_gate: asyncio.Event | None = None
        """Holds up write-offs alone."""
        self.answers_lost = 0
        """So many write-offs from now on are made, and yet fail for their caller."""

    async def find(self, key_id: str, epoch: int = 0) -> Balance | None:
        self.finds += 1
        await self.pass_through()
        if key_id not in self.rows:
            return None
        earlier = any(key == key_id and other < epoch for key, other in self.marks)
        return Balance(self.rows[key_id], self.marks.get((key_id, epoch)), earlier)

    async def begin(self, key_id: str, epoch: int) -> None:
        await self.pass_through()
        self.marks.setdefault((key_id, epoch), 0)

    async def spend(self, key_id: str, amount: int) -> int | None:
        await self.pass_through()
        held = self.rows.get(key_id)
        if held is None or held < amount:
            return None
        self.rows[key_id] = held - amount
        return held - amount

    async def write_off(self, key_id: str, epoch: int, *, written: int, granted: int) -> bool:
        await self.pass_through()
        if self.write_gate is not None:
            await self.write_gate.wait()
        if key_id not in self.rows or self.marks.get((key_id, epoch)) != written:
            return False
        self.marks[key_id, epoch] = granted
        self.writes.append((key_id, granted - written))
        held = self.rows[key_id]
        if held is not None:
            self.rows[key_id] = max(0, held - (granted - written))
        if self.answers_lost:
            self.answers_lost -= 1
            raise ServiceUnavailable("away", internal="the answer was lost by the test")
        return True


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
