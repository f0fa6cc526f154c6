"""The profiles one can ask for."""

from __future__ import annotations

import asyncio
import tracemalloc

from unkey_api.core.clock import Clock
from unkey_api.profiling.encoding import ProfileKind, encode_profile
from unkey_api.profiling.stacks import SAMPLES_PER_SECOND, CpuSampler, heap_stacks, task_stacks, thread_stacks

SECONDS_MAX = 300.0
HEAP_FRAMES = 16
_PERIOD_NANOS = 1_000_000_000 // SAMPLES_PER_SECOND
_CPU = ProfileKind(
    values=(("samples", "count"), ("cpu", "nanoseconds")), period=("cpu", "nanoseconds"), period_length=_PERIOD_NANOS
)
_HEAP = ProfileKind(values=(("inuse_objects", "count"), ("inuse_space", "bytes")))
_TASKS = ProfileKind(values=(("tasks", "count"),))


class Profiles:
    """Takes profiles of this process, one of each kind at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cpu = asyncio.Lock()
        self._heap = asyncio.Lock()

    async def cpu(self, seconds: float) -> bytes:
        """Sample all threads for a while, at most five minutes. Idle threads are seen too, waiting."""
        seconds = min(seconds, SECONDS_MAX)
        async with self._cpu:
            sampler = CpuSampler()
            sampler.start()
            try:
                await asyncio.sleep(seconds)
            finally:
                stacks = await asyncio.to_thread(sampler.stop)
        samples = {stack: (count, count * _PERIOD_NANOS) for stack, count in stacks.items()}
        return encode_profile(_CPU, samples, taken_ms=self._clock.now_ms(), seconds=seconds)

    async def heap(self, seconds: float) -> bytes:
        """Trace allocations for a while and tell what was allocated meanwhile and is still held."""
        async with self._heap:
            tracemalloc.start(HEAP_FRAMES)
            try:
                await asyncio.sleep(min(seconds, SECONDS_MAX))
                snapshot = await asyncio.to_thread(tracemalloc.take_snapshot)
            finally:
                tracemalloc.stop()
        held = await asyncio.to_thread(heap_stacks, snapshot)
        return encode_profile(_HEAP, held, taken_ms=self._clock.now_ms(), seconds=seconds)

    def tasks(self) -> bytes:
        """Tell where every task and every thread is right now."""
        samples = {stack: (count,) for stack, count in (task_stacks() + thread_stacks()).items()}
        return encode_profile(_TASKS, samples, taken_ms=self._clock.now_ms())
