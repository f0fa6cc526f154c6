"""Taking out what has run out, so that memory follows traffic."""

from __future__ import annotations

import asyncio

from unkey_api.core.clock import Clock
from unkey_api.ratelimit.engine.counts import LimiterCounts
from unkey_api.ratelimit.engine.state import CounterTable

SWEEP_CHUNK = 2_000  # counters looked at before requests get their turn


class Janitor:
    """Drops cells three durations after their window began and strict times that have passed."""

    def __init__(self, table: CounterTable, counts: LimiterCounts, clock: Clock) -> None:
        self._table = table
        self._counts = counts
        self._clock = clock

    async def sweep(self) -> None:
        """Look at every counter once."""
        now_ms = self._clock.now_ms()
        keys = list(self._table.counters)
        for start in range(0, len(keys), SWEEP_CHUNK):
            self._counts.windows_evicted += self._table.sweep(keys[start : start + SWEEP_CHUNK], now_ms)
            await asyncio.sleep(0)
        self._counts.windows = sum(len(counter.cells) for counter in self._table.counters.values())
