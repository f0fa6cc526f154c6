"""Metrics that are read where the numbers already are, at the moment of the scrape. They cost the hot path nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from unkey_api.infra.caching.swr import CacheCounts

Family = tuple[str, str, tuple[str, ...], str]
"""Name, kind, labels and meaning of a metric."""

_CACHE_READS: Family = ("unkey_cache_reads_total", "counter", ("resource", "hit"), "Cache reads.")
_CACHE_SIZE: Family = ("unkey_cache_size", "gauge", ("resource",), "Entries held.")
_CACHE_CAPACITY: Family = ("unkey_cache_capacity", "gauge", ("resource",), "Entries that fit.")
_CACHE_DELETED: Family = ("unkey_cache_deleted_total", "counter", ("resource", "reason"), "Entries pushed out.")
_CACHE_STALE: Family = ("unkey_cache_revalidations_total", "counter", ("resource",), "Reads that found a stale entry.")
_CACHE_FAILED: Family = ("unkey_cache_revalidations_errors_total", "counter", ("resource",), "Loads that failed.")
_CACHE_DROPPED: Family = (
    "unkey_cache_revalidations_dropped_total",
    "counter",
    ("resource",),
    "Refreshes not made because too many were waiting.",
)
_BUFFER_STATE: Family = ("unkey_buffer_state_total", "counter", ("name", "state"), "Rows refused by a buffer.")
_BUFFER_FILL: Family = ("unkey_buffer_size_percentage", "gauge", ("name", "drop"), "Fill of a buffer, 0 to 1.")


class Buffered(Protocol):
    """A bounded buffer that drops when full."""

    @property
    def dropped(self) -> int:
        """Rows refused because it was full."""
        ...

    @property
    def refused(self) -> int:
        """Rows refused because it was closed."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _WatchedCache:
    counts: CacheCounts
    size: Callable[[], int]
    capacity: int


class CacheCollector(Collector):
    """Reads the counters of every cache it was told to watch."""

    def __init__(self) -> None:
        self._caches: dict[str, _WatchedCache] = {}

    def watch(self, name: str, counts: CacheCounts, *, size: Callable[[], int], capacity: int) -> None:
        """Report this cache from now on under `name`."""
        self._caches[name] = _WatchedCache(counts, size, capacity)

    def families(self) -> tuple[Family, ...]:
        """Return what this collector reports."""
        return (
            _CACHE_READS,
            _CACHE_SIZE,
            _CACHE_CAPACITY,
            _CACHE_DELETED,
            _CACHE_STALE,
            _CACHE_FAILED,
            _CACHE_DROPPED,
        )

    def describe(self) -> Iterable[Metric]:
        """Return the empty families, so that registering does not read the caches."""
        return [_family(each) for each in self.families()]

    def collect(self) -> Iterator[Metric]:
        """Read all caches."""
        reads, size, capacity, deleted, stale, failed, dropped = (_family(each) for each in self.families())
        for name, cache in self._caches.items():
            counts = cache.counts
            reads.add_metric([name, "true"], counts.fresh + counts.stale)
            reads.add_metric([name, "false"], counts.miss)
            size.add_metric([name], cache.size())
            capacity.add_metric([name], cache.capacity)
            deleted.add_metric([name, "evicted"], counts.evicted)
            stale.add_metric([name], counts.stale)
            failed.add_metric([name], counts.load_failed)
            dropped.add_metric([name], counts.refresh_dropped)
        yield from (reads, size, capacity, deleted, stale, failed, dropped)


class BufferCollector(Collector):
    """Reads the fill and the losses of every buffer it was told to watch."""

    def __init__(self) -> None:
        self._buffers: dict[str, tuple[Buffered, int]] = {}

    def watch(self, name: str, buffer: Buffered, *, capacity: int) -> None:
        """Report this buffer from now on under `name`."""
        self._buffers[name] = (buffer, capacity)

    def families(self) -> tuple[Family, ...]:
        """Return what this collector reports."""
        return (_BUFFER_STATE, _BUFFER_FILL)

    def describe(self) -> Iterable[Metric]:
        """Return the empty families, so that registering does not read the buffers."""
        return [_family(each) for each in self.families()]

    def collect(self) -> Iterator[Metric]:
        """Read all buffers."""
        state, fill = (_family(each) for each in self.families())
        for name, (buffer, capacity) in self._buffers.items():
            state.add_metric([name, "dropped"], buffer.dropped)
            state.add_metric([name, "closed"], buffer.refused)
            fill.add_metric([name, "true"], len(buffer) / capacity)
        yield from (state, fill)


def _family(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    name, kind, labels, meaning = family
    make = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    return make(name, meaning, labels=labels)
