"""Metrics that are read where the numbers already are, at the moment of the scrape. They cost the hot path nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from unkey_api.infra.caching.swr import CacheCounts

Family = tuple[str, str, tuple[str, ...], str]
"""Name, kind, labels and meaning of a metric."""


def counter(name: str, meaning: str, *labels: str) -> Family:
    """Describe a metric that only grows; its name ends in `_total`."""
    return (name, "counter", labels, meaning)


def gauge(name: str, meaning: str, *labels: str) -> Family:
    """Describe a metric that goes up and down."""
    return (name, "gauge", labels, meaning)


def empty_family(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    """Return a metric without samples."""
    name, kind, labels, meaning = family
    make = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    return make(name, meaning, labels=labels)


class FamilyCollector(Collector):
    """A collector that says beforehand what it reports, so that registering it reads nothing."""

    FAMILIES: ClassVar[tuple[Family, ...]]

    def families(self) -> tuple[Family, ...]:
        """Return what this collector reports."""
        return self.FAMILIES

    def empty(self) -> list[CounterMetricFamily | GaugeMetricFamily]:
        """Return the metrics without samples."""
        return [empty_family(each) for each in self.FAMILIES]

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without samples."""
        return self.empty()


_CACHE_READS = counter("unkey_cache_reads_total", "Cache reads.", "resource", "hit")
_CACHE_SIZE = gauge("unkey_cache_size", "Entries held of things that exist.", "resource")
_CACHE_CAPACITY = gauge("unkey_cache_capacity", "Entries that fit of things that exist.", "resource")
_CACHE_ABSENT = gauge(
    "unkey_cache_absent_size",
    "Entries held of things asked for that do not exist; they have a place of their own.",
    "resource",
)
_CACHE_ABSENT_CAPACITY = gauge(
    "unkey_cache_absent_capacity", "Entries that fit of things that do not exist.", "resource"
)
_CACHE_BYTES = gauge(
    "unkey_cache_bytes", "Memory held by entries of things that exist, where it is bounded.", "resource"
)
_CACHE_BYTES_CAPACITY = gauge("unkey_cache_capacity_bytes", "Bound on that memory.", "resource")
_CACHE_DELETED = counter(
    "unkey_cache_deleted_total",
    "Entries pushed out, of things that exist (`evicted`) or do not (`absent_evicted`).",
    "resource",
    "reason",
)
_CACHE_STALE = counter("unkey_cache_revalidations_total", "Reads that found a stale entry.", "resource")
_CACHE_FAILED = counter("unkey_cache_revalidations_errors_total", "Loads that failed.", "resource")
_CACHE_DROPPED = counter(
    "unkey_cache_revalidations_dropped_total", "Refreshes not made because too many were waiting.", "resource"
)
_CACHE_ROOMS = (_CACHE_ABSENT, _CACHE_ABSENT_CAPACITY, _CACHE_BYTES, _CACHE_BYTES_CAPACITY)
_BUFFER_STATE = counter("unkey_buffer_state_total", "Rows put into a buffer.", "name", "state")
_BUFFER_FILL = gauge("unkey_buffer_size_percentage", "Fill of a buffer, 0 to 1.", "name", "drop")


class Buffered(Protocol):
    """A bounded buffer."""

    @property
    def dropped(self) -> int:
        """Rows lost because it was full."""
        ...

    @property
    def refused(self) -> int:
        """Rows refused because it was closed."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class CacheRoom:
    """A bound of a cache, and what there is of it."""

    taken: Callable[[], int]
    capacity: int


@dataclass(frozen=True, slots=True)
class _WatchedCache:
    counts: CacheCounts
    size: Callable[[], int]
    capacity: int
    absent: CacheRoom | None
    memory: CacheRoom | None


class CacheCollector(FamilyCollector):
    """Reads the counters of every cache it was told to watch."""

    FAMILIES = (
        _CACHE_READS,
        _CACHE_SIZE,
        _CACHE_CAPACITY,
        _CACHE_DELETED,
        _CACHE_STALE,
        _CACHE_FAILED,
        _CACHE_DROPPED,
        *_CACHE_ROOMS,
    )

    def __init__(self) -> None:
        self._caches: dict[str, _WatchedCache] = {}

    def watch(
        self,
        name: str,
        counts: CacheCounts,
        *,
        size: Callable[[], int],
        capacity: int,
        absent: CacheRoom | None = None,
        memory: CacheRoom | None = None,
    ) -> None:
        """Report this cache from now on under `name`: entries, entries of what does not exist, and bytes."""
        self._caches[name] = _WatchedCache(counts, size, capacity, absent, memory)

    def collect(self) -> Iterator[Metric]:
        """Read all caches."""
        made = self.empty()
        reads, size, capacity, deleted, stale, failed, dropped, *rooms = made
        absent, absent_capacity, memory, memory_capacity = rooms
        for name, cache in self._caches.items():
            counts = cache.counts
            reads.add_metric([name, "true"], counts.fresh + counts.stale)
            reads.add_metric([name, "false"], counts.miss)
            size.add_metric([name], cache.size())
            capacity.add_metric([name], cache.capacity)
            deleted.add_metric([name, "evicted"], counts.evicted)
            deleted.add_metric([name, "absent_evicted"], counts.absent_evicted)
            _add_room(name, cache.absent, absent, absent_capacity)
            _add_room(name, cache.memory, memory, memory_capacity)
            stale.add_metric([name], counts.stale)
            failed.add_metric([name], counts.load_failed)
            dropped.add_metric([name], counts.refresh_dropped)
        yield from made


_Samples: TypeAlias = CounterMetricFamily | GaugeMetricFamily


def _add_room(name: str, room: CacheRoom | None, taken: _Samples, capacity: _Samples) -> None:
    if room is not None:
        taken.add_metric([name], room.taken())
        capacity.add_metric([name], room.capacity)


@dataclass(frozen=True, slots=True)
class _WatchedBuffer:
    buffer: Buffered
    capacity: int
    accepted: Callable[[], int] | None
    unencodable: Callable[[], int] | None
    drops: bool


class BufferCollector(FamilyCollector):
    """Reads the fill and the losses of every buffer it was told to watch."""

    FAMILIES = (_BUFFER_STATE, _BUFFER_FILL)

    def __init__(self) -> None:
        self._buffers: dict[str, _WatchedBuffer] = {}

    def watch(
        self,
        name: str,
        buffer: Buffered,
        *,
        capacity: int,
        accepted: Callable[[], int] | None = None,
        unencodable: Callable[[], int] | None = None,
        drops: bool = True,
    ) -> None:
        """Report this buffer from now on under `name`.

        Args:
            name: Label.
            buffer: What to read.
            capacity: What fits.
            accepted: Returns how much was taken so far, for a buffer that counts it.
            unencodable: Returns how much never got there because making it ready failed, which is a bug.
            drops: False for one that makes its producers wait when full.
        """
        self._buffers[name] = _WatchedBuffer(buffer, capacity, accepted, unencodable, drops)

    def collect(self) -> Iterator[Metric]:
        """Read all buffers."""
        state, fill = self.empty()
        for name, each in self._buffers.items():
            if each.accepted is not None:
                state.add_metric([name, "buffered"], each.accepted())
            if each.unencodable is not None:
                state.add_metric([name, "unencodable"], each.unencodable())
            state.add_metric([name, "dropped"], each.buffer.dropped)
            state.add_metric([name, "closed"], each.buffer.refused)
            fill.add_metric([name, "true" if each.drops else "false"], len(each.buffer) / each.capacity)
        yield from (state, fill)


_LOG_DROPPED = counter("unkey_log_lines_dropped_total", "Log lines lost because standard error was not read.")
_LOG_SKIPPED = counter(
    "unkey_log_lines_skipped_total",
    "Refused requests without a log line: not sampled, or repeated too often.",
    "reason",
    "code",
)


class LogCollector(FamilyCollector):
    """Reads how many log lines there would have been besides those that were written."""

    FAMILIES = (_LOG_DROPPED, _LOG_SKIPPED)

    def __init__(self) -> None:
        self._dropped: Callable[[], int] | None = None
        self._skipped: Mapping[tuple[str, str], int] = {}

    def watch(self, *, dropped: Callable[[], int], skipped: Mapping[tuple[str, str], int]) -> None:
        """Report these from now on; `skipped` counts by reason and by error code or status."""
        self._dropped = dropped
        self._skipped = skipped

    def collect(self) -> Iterator[Metric]:
        """Read the counts."""
        dropped, skipped = self.empty()
        if self._dropped is not None:
            dropped.add_metric([], self._dropped())
        # A scrape may run in another thread while requests are skipped for new reasons.
        for labels, count in list(self._skipped.items()):
            skipped.add_metric(labels, count)
        yield from (dropped, skipped)


_CONNECTIONS = gauge("unkey_database_pool_connections", "Connections, by use.", "server", "state")
_WAITING = gauge("unkey_database_pool_waiting", "Statements waiting for a connection.", "server")
_LIMIT = gauge("unkey_database_pool_limit", "Connections the pool opens at most.", "server")
_REDIS_UP = gauge("unkey_redis_connected", "1 while the connection to Redis can be used.")
_REDIS_WAITING = gauge("unkey_redis_commands_in_flight", "Commands sent to Redis and not yet answered.")


class WatchedPool(Protocol):
    """A bounded set of connections."""

    @property
    def lent(self) -> int:
        """Connections in use or being opened."""
        ...

    @property
    def idle(self) -> int:
        """Open connections nobody uses."""
        ...

    @property
    def waiting(self) -> int:
        """Users that wait for a connection."""
        ...

    @property
    def limit(self) -> int:
        """How many connections there can be."""
        ...


class StoreCollector(FamilyCollector):
    """Reads the pools it was told to watch."""

    FAMILIES = (_CONNECTIONS, _WAITING, _LIMIT, _REDIS_UP, _REDIS_WAITING)

    def __init__(self) -> None:
        self._pools: dict[str, WatchedPool] = {}
        self._redis: tuple[Callable[[], bool], Callable[[], int]] | None = None

    def watch_pool(self, server: str, pool: WatchedPool) -> None:
        """Report this pool from now on; `server` is `primary` or `replica`."""
        self._pools[server] = pool

    def watch_redis(self, *, connected: Callable[[], bool], in_flight: Callable[[], int]) -> None:
        """Report the one connection to Redis from now on."""
        self._redis = (connected, in_flight)

    def collect(self) -> Iterator[Metric]:
        """Read all pools."""
        connections, waiting, limit, up, commands = self.empty()
        for server, pool in self._pools.items():
            connections.add_metric([server, "in_use"], pool.lent)
            connections.add_metric([server, "idle"], pool.idle)
            waiting.add_metric([server], pool.waiting)
            limit.add_metric([server], pool.limit)
        if self._redis is not None:
            connected, in_flight = self._redis
            up.add_metric([], connected())
            commands.add_metric([], in_flight())
        yield from (connections, waiting, limit, up, commands)
