"""A limiter with everything it depends on in the test's hands."""

from __future__ import annotations

from tests.support.clock import FixedClock
from tests.support.counters import MemoryCounterStore, MemoryGlobalCounters, MemorySharedTable, StoreCalls
from unkey_api.areas.ratelimit.engine.running import build_rate_limiter
from unkey_api.areas.ratelimit.engine.state import Cell, Counter
from unkey_api.areas.ratelimit.engine.types import Check, Decision
from unkey_api.infra.resilience.breaker import BreakerState

MINUTE = 60_000
START = 1_750_000_020_000 // MINUTE * MINUTE
"""Start of a window of one minute and of ten seconds."""


class Node:
    """One process: a limiter whose background work runs when told to."""

    def __init__(
        self,
        clock: FixedClock,
        store: MemoryCounterStore | None = None,
        *,
        shared: MemorySharedTable | None = None,
        region: str = "here",
    ) -> None:
        self.clock = clock
        self.store = store or MemoryCounterStore(clock)
        self.calls = StoreCalls()
        self.breaker_states: list[BreakerState] = []
        self.shared = MemoryGlobalCounters(shared, region) if shared is not None else None
        self.parts = build_rate_limiter(
            self.store,
            clock=clock,
            observer=self.calls,
            shared=self.shared,
            on_breaker=lambda _, state: self.breaker_states.append(state),
        )
        self.limiter = self.parts.limiter

    async def ask(
        self, cost: int = 1, *, limit: int = 10, identifier: str = "u", duration_ms: int = MINUTE
    ) -> Decision:
        """Check `identifier` at the clock's time."""
        return await self.limiter.limit(check(cost, limit=limit, identifier=identifier, duration_ms=duration_ms))

    def counter(self, *, identifier: str = "u", duration_ms: int = MINUTE) -> Counter:
        """Return the counter, creating it."""
        return self.parts.table.locate(("ws", "ns", identifier, duration_ms))

    def cell(self, *, identifier: str = "u", duration_ms: int = MINUTE, back: int = 0) -> Cell:
        """Return the running cell, or the one `back` windows ago."""
        counter = self.counter(identifier=identifier, duration_ms=duration_ms)
        return counter.cell(self.clock.now_ms() // duration_ms - back)

    def set_counts(self, *, current: int = 0, previous: int = 0, identifier: str = "u") -> None:
        """Have the store say so, for a counter that was not asked for yet."""
        sequence = self.clock.now_ms() // MINUTE
        self.store.put(f"ws-ns-{identifier}-{MINUTE}:{sequence}", current)
        self.store.put(f"ws-ns-{identifier}-{MINUTE}:{sequence - 1}", previous)

    async def replay(self) -> None:
        """Send what was spent to the store."""
        await self.parts.replays.flush()

    async def push(self) -> None:
        """Share counts with other regions."""
        assert self.parts.regions is not None
        await self.parts.regions.push()

    async def pull(self) -> None:
        """Merge the counts of all regions."""
        assert self.parts.regions is not None
        await self.parts.regions.pull()


def check(
    cost: int = 1, *, limit: int = 10, identifier: str = "u", duration_ms: int = MINUTE, time_ms: int = 0
) -> Check:
    """Return a check of the test's one workspace and namespace."""
    return Check("ws", "ns", identifier, limit, duration_ms, cost, time_ms)
