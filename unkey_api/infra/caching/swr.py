"""A cache that answers with what it has while it fetches something newer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import structlog

from unkey_api.core.clock import Clock
from unkey_api.infra.caching.loading import Load, LoadMany, anything, many, never, one
from unkey_api.infra.caching.shelf import Entry, EntryWatcher, Shelf
from unkey_api.infra.resilience.tasks import BackgroundJobs

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REFRESH_PAUSE_MS = 1_000  # a source that just failed is asked again at most this often per key
DOUBTS_MAX = 32  # more changes than that during one load, and it is not stored whatever it brings back
ABSENT_MAX = 10_000  # what does not exist is asked for by mistake or in order to guess; either needs little memory
ENTRY_BYTES = 300  # an entry apart from its value: its view, times, place in the table and in an index


_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Freshness(StrEnum):
    """How a read was served. The value is the status in `X-Unkey-Timing`."""

    FRESH = "fresh"
    STALE = "stale"
    MISS = "miss"


class Cached(NamedTuple, Generic[V]):
    """What a read found."""

    value: V | None
    """None: the source says there is no such thing."""
    freshness: Freshness


class CacheObserver(Protocol):
    """Told about every read, on the request's own task, so it may note it for that request."""

    def cache_read(self, cache: str, freshness: Freshness, seconds: float) -> None:
        """Note one read of `cache`. `seconds` includes the load when there was one."""
        ...


_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True)
class CacheCounts:
    """Plain counters of one cache, for metrics to read at scrape time."""

    fresh: int = 0
    stale: int = 0
    miss: int = 0
    evicted: int = 0
    absent_evicted: int = 0
    load_failed: int = 0
    refresh_dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheWindows:
    """How long an entry serves, and how many there may be."""

    fresh: timedelta
    stale: timedelta
    """Counted from the load, so at least `fresh`."""
    max_entries: int
    """Of those that exist."""
    max_absent: int = ABSENT_MAX
    """Of those that do not, which have a place of their own and never push out the others; 0 remembers none."""
    max_bytes: int | None = None
    """Of those that exist, as weighed by the cache's owner; None bounds their number alone."""
    load: timedelta = timedelta(seconds=5)
    """What a reader waits for the source at most."""


_Flight = asyncio.Task[Mapping[K, V | None]]


class SwrCache(Generic[K, V]):
    """Stale-while-revalidate cache of one process.

    Fresh entries are returned as they are. Stale ones are returned at once and refreshed behind, never twice at the
    same time. Missing or expired ones are loaded; concurrent readers share the load, and a reader that is cancelled
    does not disturb it. A load that finds nothing is remembered as absent for the same windows; one that fails is not
    remembered and leaves an old entry in place.

    `drop` and `set` win over loads already under way: what those bring back is not stored.

    Use cases do not ask for it: transactions tell what they change, and whoever acts on that calls `drop`, in this
    process and in the others.
    """

    __slots__ = (
        "_absent",
        "_clock",
        "_doubts",
        "_entries",
        "_flights",
        "_fresh_ms",
        "_jobs",
        "_load_seconds",
        "_observer",
        "_shelf",
        "_stale_ms",
        "_watcher",
        "_weigh",
        "_windows",
        "counts",
        "name",
    )

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        windows: CacheWindows,
        refreshes: BackgroundJobs,
        observer: CacheObserver | None = None,
        weigh: Callable[[V], int] | None = None,
    ) -> None:
        """Start empty.

        Args:
            name: Resource label, as in metrics and `X-Unkey-Timing`.
            clock: Source of all windows.
            windows: Lifetimes and size.
            refreshes: Who runs refreshes; may be shared between caches. Its owner closes it.
            observer: Told about every read except `get_many`.
            weigh: Returns the bytes a value takes; needed where `windows` bounds them.
        """
        self.name = name
        self.counts = CacheCounts()
        self._clock = clock
        self._windows = windows
        self._fresh_ms = windows.fresh // _MILLISECOND
        self._stale_ms = windows.stale // _MILLISECOND
        self._load_seconds = windows.load.total_seconds()
        self._jobs = refreshes
        self._observer = observer
        self._weigh = weigh
        self._shelf: Shelf[K, Cached[V]] = Shelf(
            max_entries=windows.max_entries, max_bytes=windows.max_bytes, on_evicted=self._evicted
        )
        self._absent: Shelf[K, Cached[V]] = Shelf(
            max_entries=windows.max_absent, max_bytes=None, on_evicted=self._evicted
        )
        self._entries = self._shelf.entries  # itself, because every request looks there
        self._flights: dict[K, _Flight[K, V]] = {}
        self._doubts: dict[_Flight[K, V], list[Callable[[V], bool]]] = {}
        self._watcher: EntryWatcher[K, V] | None = None

    def watch(self, watcher: EntryWatcher[K, V]) -> None:
        """Tell `watcher` about every entry from now on. The cache must be empty, and has one watcher."""
        self._watcher = watcher

    def __len__(self) -> int:
        return len(self._entries) + len(self._absent.entries)

    @property
    def windows(self) -> CacheWindows:
        """Lifetimes and bounds."""
        return self._windows

    @property
    def present(self) -> int:
        """Entries of things that exist."""
        return len(self._entries)

    @property
    def absent(self) -> int:
        """Entries of things that do not."""
        return len(self._absent.entries)

    @property
    def bytes(self) -> int:
        """What entries of things that exist weigh; 0 where nobody weighs."""
        return self._shelf.bytes

    def peek(self, key: K) -> Cached[V] | None:
        """Return a fresh entry without awaiting, or None: then use `get`, which counts the read."""
        entry = self._entries.get(key) or self._absent.entries.get(key)
        if entry is None or self._clock.now_ms() >= entry.fresh_until:
            return None
        entry.used = True
        self.counts.fresh += 1
        if self._observer is not None:
            self._observer.cache_read(self.name, Freshness.FRESH, 1e-9)  # too short to be worth two clock reads
        return entry.view

    def held(self, key: K) -> V | None:
        """Return what is kept under `key`, fresh or not, without counting a read; None when there is nothing."""
        entry = self._entries.get(key)  # of what does not exist nothing is kept
        return None if entry is None else entry.view.value

    async def get(self, key: K, load: Load[K, V], *, is_absent: Callable[[Exception], bool] = never) -> Cached[V]:
        """Return the value for `key`, loading it when there is none to serve.

        Args:
            key: What to look up.
            load: Asks the source. It may run after this call has returned.
            is_absent: Says that an error of `load` means "there is no such thing".

        Raises:
            DependencyTimeout: `load` took too long, when there was no entry to serve.
            Exception: Whatever `load` raised, when there was no entry to serve.
        """
        found = self.peek(key)
        if found is not None:
            return found
        started = self._clock.monotonic()
        entry = self._live(key)
        if entry is not None:
            self._refresh_one(key, entry, load, is_absent)
            return self._seen(Cached(entry.view.value, Freshness.STALE), started)
        flight = self._flights.get(key) or self._depart((key,), one(key, load, is_absent, seconds=self._load_seconds))
        loaded = await asyncio.shield(flight)
        return self._seen(Cached(loaded[key], Freshness.MISS), started)

    async def get_many(self, keys: Iterable[K], load: LoadMany[K, V]) -> dict[K, Cached[V]]:
        """Return an entry for every key, loading all missing ones in one call and refreshing stale ones in one.

        Raises:
            Exception: Whatever `load` raised, when a key had no entry to serve.
        """
        results: dict[K, Cached[V]] = {}
        stale: list[K] = []
        missing: list[K] = []
        for key in dict.fromkeys(keys):
            entry = self._live(key)
            if entry is None:
                missing.append(key)
            elif self._clock.now_ms() < entry.fresh_until:
                self.counts.fresh += 1
                results[key] = entry.view
            else:
                self.counts.stale += 1
                results[key] = Cached(entry.view.value, Freshness.STALE)
                if key not in self._flights and self._clock.now_ms() >= entry.refresh_after:
                    stale.append(key)
        if stale:
            self._refresh(tuple(stale), many(tuple(stale), load, seconds=self._load_seconds))
        for key, value in (await self._load_missing(missing, load)).items():
            self.counts.miss += 1
            results[key] = Cached(value, Freshness.MISS)
        return results

    def set(self, key: K, value: V) -> None:
        """Store a value that is known to be current."""
        self._flights.pop(key, None)
        self._store(key, value)

    def drop(self, key: K) -> None:
        """Forget `key`; the next read loads it, whatever was already being loaded."""
        self._flights.pop(key, None)
        self._pop(key)

    def drop_all(self) -> None:
        """Forget everything, and do not store what is being loaded."""
        self._flights.clear()
        for key in (*self._entries, *self._absent.entries) if self._watcher is not None else ():
            self._pop(key)
        self._shelf.clear()
        self._absent.clear()

    def doubt_loads(self, changed: Callable[[V], bool]) -> None:
        """Do not store what loads now under way bring back if `changed` says so; it may have been read before.

        Those who wait for them still get it: they had asked before.
        """
        for flight in set(self._flights.values()):
            doubts = self._doubts.setdefault(flight, [])
            doubts.append(changed if len(doubts) < DOUBTS_MAX else anything)

    async def close(self) -> None:
        """End loads that are under way. Safe to repeat."""
        flights = set(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _live(self, key: K) -> Entry[Cached[V]] | None:
        entry = self._entries.get(key) or self._absent.entries.get(key)
        if entry is None:
            return None
        if self._clock.now_ms() >= entry.stale_until:
            self._pop(key)
            return None
        entry.used = True
        return entry

    def _seen(self, cached: Cached[V], started: float) -> Cached[V]:
        if cached.freshness is Freshness.STALE:
            self.counts.stale += 1
        else:
            self.counts.miss += 1
        if self._observer is not None:
            self._observer.cache_read(self.name, cached.freshness, max(self._clock.monotonic() - started, 1e-9))
        return cached

    async def _load_missing(self, missing: Sequence[K], load: LoadMany[K, V]) -> dict[K, V | None]:
        waiting = {key: self._flights[key] for key in missing if key in self._flights}
        cold = tuple(key for key in missing if key not in waiting)
        if cold:
            flight = self._depart(cold, many(cold, load, seconds=self._load_seconds))
            waiting.update(dict.fromkeys(cold, flight))
        return {key: (await asyncio.shield(flight))[key] for key, flight in waiting.items()}

    def _refresh_one(
        self, key: K, entry: Entry[Cached[V]], load: Load[K, V], is_absent: Callable[[Exception], bool]
    ) -> None:
        if key not in self._flights and self._clock.now_ms() >= entry.refresh_after:
            self._refresh((key,), one(key, load, is_absent, seconds=self._load_seconds))

    def _refresh(self, keys: tuple[K, ...], work: Callable[[], Coroutine[Any, Any, Mapping[K, V | None]]]) -> None:
        pause_until = self._clock.now_ms() + REFRESH_PAUSE_MS
        for key in keys:
            entry = self._entries.get(key) or self._absent.entries[key]
            entry.refresh_after = pause_until

        async def job() -> None:
            if any(key in self._flights for key in keys):
                return
            flight = self._depart(keys, work)
            await asyncio.wait((flight,))
            if not flight.cancelled() and (error := flight.exception()) is not None:
                _log.warning("cache refresh failed, the old entry stays", cache=self.name, error=repr(error))

        if not self._jobs.submit(job):
            self.counts.refresh_dropped += 1

    def _depart(
        self, keys: tuple[K, ...], work: Callable[[], Coroutine[Any, Any, Mapping[K, V | None]]]
    ) -> _Flight[K, V]:
        flight: _Flight[K, V] = asyncio.get_running_loop().create_task(work(), name=f"cache.{self.name}")
        for key in keys:
            self._flights[key] = flight
        flight.add_done_callback(lambda done: self._land(keys, done))
        return flight

    def _land(self, keys: tuple[K, ...], flight: _Flight[K, V]) -> None:
        doubts = self._doubts.pop(flight, ())
        current = [key for key in keys if self._flights.get(key) is flight]
        for key in current:
            del self._flights[key]
        if flight.cancelled():
            return
        if flight.exception() is not None:
            self.counts.load_failed += 1
            return
        loaded = flight.result()
        for key in current:
            value = loaded[key]
            if value is None or not any(changed(value) for changed in doubts):
                self._store(key, value)

    def _store(self, key: K, value: V | None) -> None:
        self._pop(key)
        weight = 0 if value is None or self._weigh is None else self._weigh(value) + ENTRY_BYTES
        now_ms = self._clock.now_ms()
        entry = Entry(Cached(value, Freshness.FRESH), now_ms + self._fresh_ms, now_ms + self._stale_ms, weight)
        shelf = self._absent if value is None else self._shelf
        # Noted before, since an entry that does not fit is reported as dropped at once.
        if self._watcher is not None:
            self._watcher.stored(key, value)
        shelf.put(key, entry)

    def _pop(self, key: K) -> None:
        entry = self._shelf.pop(key) or self._absent.pop(key)
        if entry is not None and self._watcher is not None:
            self._watcher.dropped(key, entry.view.value)

    def _evicted(self, key: K, entry: Entry[Cached[V]]) -> None:
        if entry.view.value is None:
            self.counts.absent_evicted += 1
        else:
            self.counts.evicted += 1
        if self._watcher is not None:
            self._watcher.dropped(key, entry.view.value)
