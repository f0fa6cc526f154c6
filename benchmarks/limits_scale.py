"""The memory of a million active counters, and what is left of it after they have expired.

python -m benchmarks.limits_scale [COUNTERS]

Each counter was asked about once and holds two windows, its identifier and everything else the limiter keeps for it.
The store answers at once and keeps nothing, so that only the limiter is measured. Ends with 1 above 500 bytes.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import resident_mib
from unkey_api.areas.ratelimit.engine.counts import StoreOperation
from unkey_api.areas.ratelimit.engine.running import LimiterParts, build_rate_limiter
from unkey_api.areas.ratelimit.engine.store import Increment
from unkey_api.areas.ratelimit.engine.types import Check

COUNTERS = 1_000_000
BYTES = 500
BATCH = 500
START_MS = 1_750_000_020_000
DURATION_MS = 60_000
LIMIT = 1_000


class Clock:
    """Time that moves with the number of requests."""

    def __init__(self) -> None:
        self.at_ms = START_MS

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        return self.at_ms

    def monotonic(self) -> float:
        """Return seconds."""
        return self.at_ms / 1_000


class EmptyStore:
    """Nobody else counts."""

    async def read_many(self, keys: Sequence[str]) -> list[int]:
        """Return zeros."""
        return [0] * len(keys)

    async def increment_many(self, increments: Sequence[Increment]) -> list[int | None]:
        """Return what a first increment leads to."""
        return [increment.amount for increment in increments]


class Quiet:
    """A `LimiterObserver` that nobody asks."""

    def store_called(self, operation: StoreOperation, counters: int, seconds: float, failure: str | None) -> None:
        """Forget it."""


def resident() -> float:
    """Return the bytes of this process in RAM, without garbage."""
    gc.collect()
    return resident_mib([int(Path("/proc/self").resolve().name)]) * 2**20


async def fill(parts: LimiterParts, clock: Clock, count: int) -> float:
    """Ask about so many identifiers; return how many seconds that took."""
    began = time.monotonic()
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        checks = [
            Check("ws_0123456789", "rlns_0123456789", f"user_{number:09d}", LIMIT, DURATION_MS) for number in numbers
        ]
        await parts.limiter.limit_many(checks)
        await parts.replays.flush()
        parts.table.dirty.clear()  # what the push to other regions does every five seconds
        clock.at_ms += 10
    return time.monotonic() - began


async def longest_pause(parts: LimiterParts) -> tuple[float, float]:
    """Let the janitor look at everything; return for how long that went on, and held others up at most, in seconds."""
    pauses = [0.0]

    async def watch() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0)
            pauses.append(time.monotonic() - before)

    watcher = asyncio.create_task(watch())
    began = time.monotonic()
    await parts.janitor.sweep()
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)
    return time.monotonic() - began, max(pauses)


async def run(count: int) -> bool:
    """Measure and print; return whether a counter is as small as it should be."""
    clock = Clock()
    parts = build_rate_limiter(EmptyStore(), clock=clock, observer=Quiet())
    before = resident()
    seconds = await fill(parts, clock, count)
    per_counter = (resident() - before) / count
    assert len(parts.table) == count  # noqa: S101 - a figure about fewer counters would be a lie
    print(f"counters                  {count:>12,}")
    print(f"first checks per second   {count / seconds:>12,.0f}")
    print(f"bytes per counter         {per_counter:>12.0f}   (at most {BYTES})")
    began = time.monotonic()
    gc.collect()
    print(f"full garbage collection   {1_000 * (time.monotonic() - began):>12.0f} ms")
    lasted, pause = await longest_pause(parts)
    print(f"look of the janitor       {lasted:>12.2f} s, holds others up for at most {1_000 * pause:.1f} ms")
    clock.at_ms += 4 * DURATION_MS
    lasted, pause = await longest_pause(parts)
    print(f"taking all of them out    {lasted:>12.2f} s, holds others up for at most {1_000 * pause:.1f} ms")
    left = (resident() - before) / count
    print(f"bytes left per counter    {left:>12.0f}")
    return per_counter <= BYTES and left <= BYTES / 10


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else COUNTERS)) else 1)
