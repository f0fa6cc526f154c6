"""Taking out what has run out, so that memory follows traffic."""

from __future__ import annotations

import asyncio

from unkey_api.areas.ratelimit.engine.counts import LimiterCounts
from unkey_api.areas.ratelimit.engine.state import CounterTable
from unkey_api.core.clock import Clock

SWEEP_CHUNK = 500  # counters looked at before requests get their turn


class Janitor:
    """Drops cells three durations after their window began and strict times that have passed."""

    def __init__(self, table: CounterTable, counts: LimiterCounts, clock: Clock) -> None:
        self._table = table
        self._counts = counts
        self._clock = clock

    async def sweep(self) -> None:
        """Look at every counter once."""
        now_ms = self._clock.now_ms()
        windows = 0
        for members in list(self._table.groups.values()):
            identifiers = list(members.counters)
            for start in range(0, len(identifiers), SWEEP_CHUNK):
                chunk = identifiers[start : start + SWEEP_CHUNK]
                gone, left = self._table.sweep(members, chunk, now_ms)
                self._counts.windows_evicted += gone
                windows += left
                await asyncio.sleep(0)
            self._table.drop_if_empty(members)
        self._counts.windows = windows
