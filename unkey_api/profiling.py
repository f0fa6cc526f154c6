"""Looking into a running worker: CPU profile, heap, tasks and threads, in the format `go tool pprof` reads.

Only reachable when user name and password are configured. A CPU profile samples the stacks of all threads from a thread
of its own; a heap profile traces allocations for as long as it is asked to, which slows the worker down meanwhile.
"""

from __future__ import annotations

import asyncio
import gzip
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import NamedTuple

from unkey_proto.perftools.profiles import profile_pb as pb

from unkey_api.core.clock import Clock

SAMPLES_PER_SECOND = 100
DEPTH_MAX = 128


class Place(NamedTuple):
    """A line of a function."""

    function: str
    file: str
    line: int
    first_line: int


Stack = tuple[Place, ...]
"""The innermost place first."""


class CpuSampler:
    """Counts the stacks of all threads but its own, a hundred times a second."""

    def __init__(self) -> None:
        self.stacks: Counter[Stack] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="profile", daemon=True)

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self) -> Counter[Stack]:
        """End sampling and return how often each stack was seen."""
        self._stop.set()
        self._thread.join()
        return self.stacks

    def _sample(self) -> None:
        own = threading.get_ident()
        while not self._stop.wait(1 / SAMPLES_PER_SECOND):
            for thread, frame in sys._current_frames().items():  # noqa: SLF001 - the one way to see other threads' stacks
                if thread != own:
                    self.stacks[tuple(_places(frame))] += 1


def thread_stacks() -> Counter[Stack]:
    """Return the stacks of all threads as they are now."""
    return Counter(tuple(_places(frame)) for frame in sys._current_frames().values())  # noqa: SLF001 - as above


def task_stacks() -> Counter[Stack]:
    """Return the stacks of all tasks of the running loop as they are now."""
    found: Counter[Stack] = Counter()
    for task in asyncio.all_tasks():
        frames = task.get_stack(limit=DEPTH_MAX)
        name = Place(f"task {task.get_name().rstrip('0123456789')}", "", 0, 0)
        found[(*(_place(frame) for frame in reversed(frames)), name)] += 1
    return found


def heap_stacks(snapshot: tracemalloc.Snapshot) -> dict[Stack, tuple[int, int]]:
    """Return blocks and bytes held per allocating stack."""
    held: dict[Stack, tuple[int, int]] = {}
    for statistic in snapshot.statistics("traceback"):
        stack = tuple(Place(f"{f.filename}:{f.lineno}", f.filename, f.lineno, 0) for f in reversed(statistic.traceback))
        held[stack] = (statistic.count, statistic.size)
    return held


def _places(frame: FrameType | None) -> Iterator[Place]:
    depth = 0
    while frame is not None and depth < DEPTH_MAX:
        yield _place(frame)
        frame = frame.f_back
        depth += 1


def _place(frame: FrameType) -> Place:
    code = frame.f_code
    return Place(code.co_qualname, code.co_filename, frame.f_lineno or 0, code.co_firstlineno)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileKind:
    """What the values of a profile mean."""

    values: tuple[tuple[str, str], ...]
    """Name and unit of each value."""
    period: tuple[str, str] = ("", "")
    period_length: int = 0


@dataclass(slots=True)
class _Tables:
    """What a profile refers to by number."""

    texts: dict[str, int] = field(default_factory=lambda: {"": 0})
    functions: dict[tuple[str, str, int], pb.Function] = field(default_factory=dict)
    locations: dict[Place, pb.Location] = field(default_factory=dict)

    def text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def location(self, place: Place) -> int:
        known = self.locations.get(place)
        if known is None:
            line = pb.Line(function_id=self._function(place), line=place.line)
            known = self.locations[place] = pb.Location(id=len(self.locations) + 1, line=[line])
        return known.id

    def _function(self, place: Place) -> int:
        key = (place.function, place.file, place.first_line)
        known = self.functions.get(key)
        if known is None:
            name = self.text(place.function)
            known = self.functions[key] = pb.Function(
                id=len(self.functions) + 1,
                name=name,
                system_name=name,
                filename=self.text(place.file),
                start_line=place.first_line,
            )
        return known.id


def encode_profile(
    kind: ProfileKind, samples: Mapping[Stack, Sequence[int]], *, taken_ms: int, seconds: float = 0.0
) -> bytes:
    """Return the profile of these stacks; each has one value per value of `kind`."""
    tables = _Tables()
    profile = pb.Profile(
        sample_type=[pb.ValueType(type=tables.text(name), unit=tables.text(unit)) for name, unit in kind.values],
        sample=[
            pb.Sample(location_id=[tables.location(place) for place in stack], value=list(values))
            for stack, values in samples.items()
        ],
        time_nanos=taken_ms * 1_000_000,
        duration_nanos=int(seconds * 1_000_000_000),
        period_type=pb.ValueType(type=tables.text(kind.period[0]), unit=tables.text(kind.period[1])),
        period=kind.period_length,
    )
    profile.location = list(tables.locations.values())
    profile.function = list(tables.functions.values())
    profile.string_table = list(tables.texts)
    return gzip.compress(profile.to_binary(), compresslevel=6)


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
