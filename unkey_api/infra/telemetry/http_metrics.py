"""Connections of the listeners, and counts, durations and body sizes of requests.

Every request ends here, so it only adds to plain numbers; histograms are made of them at the moment of a scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from unkey_api.infra.telemetry.collectors import Family, FamilyCollector, counter, gauge

_OPEN = gauge("unkey_server_connections", "Connections open.", "listener")
_ENDED = counter(
    "unkey_server_connections_ended_total",
    "Connections ended from this side: refused, timed out, or cut at a stop.",
    "listener",
    "reason",
)


class CountedListener(Protocol):
    """A listener that knows its numbers."""

    @property
    def open_connections(self) -> int:
        """Connections there are right now."""
        ...

    @property
    def ended(self) -> Mapping[str, int]:
        """Connections ended from this side so far, by a reason of a fixed set."""
        ...


class ConnectionMetrics(FamilyCollector):
    """Reads the numbers of every listener it was told to watch."""

    FAMILIES = (_OPEN, _ENDED)

    def __init__(self) -> None:
        self._listeners: dict[str, CountedListener] = {}

    def watch(self, name: str, listener: CountedListener) -> None:
        """Report this listener from now on under `name`."""
        self._listeners[name] = listener

    def collect(self) -> Iterator[Metric]:
        """Read all listeners."""
        held, ended = self.empty()
        for name, listener in self._listeners.items():
            held.add_metric([name], listener.open_connections)
            for reason, count in list(listener.ended.items()):
                ended.add_metric([name, reason], count)
        yield from (held, ended)


LATENCY_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0)
BODY_BOUNDS = (100.0, *(4.0**power for power in range(5, 14)))

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "_OTHER"
"""Stands for every method HTTP does not know, as OpenTelemetry names it. Callers can make up as many as they like."""

_LABELS = ("method", "path", "status")
_LATENCY: Family = ("unkey_http_request_latency_seconds", "histogram", _LABELS, "Time from request to answer.")
_REQUESTS: Family = ("unkey_http_requests_total", "counter", _LABELS, "Requests answered.")
_BODY: Family = ("unkey_http_request_body_size_bytes", "histogram", _LABELS, "Size of request bodies.")


class _Counts:
    """One series of each metric. The last bucket holds what is above every bound."""

    __slots__ = ("body", "body_sum", "latency", "latency_sum")

    def __init__(self) -> None:
        self.latency = [0] * (len(LATENCY_BOUNDS) + 1)
        self.latency_sum = 0.0
        self.body = [0] * (len(BODY_BOUNDS) + 1)
        self.body_sum = 0


class HttpMetrics(Collector):
    """Requests served. `path` must be a route of ours: every distinct one is a time series for good."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, int], _Counts] = {}

    def on_answer(self, method: str, path: str, status: int, *, seconds: float, body_bytes: int) -> None:
        """Count one answered request."""
        key = (method if method in METHODS else OTHER_METHOD, path, status)
        counts = self._series.get(key)
        if counts is None:
            counts = self._series[key] = _Counts()
        counts.latency[bisect_left(LATENCY_BOUNDS, seconds)] += 1
        counts.latency_sum += seconds
        counts.body[bisect_left(BODY_BOUNDS, body_bytes)] += 1
        counts.body_sum += body_bytes

    def families(self) -> tuple[Family, ...]:
        """Return what this collector reports."""
        return (_LATENCY, _REQUESTS, _BODY)

    def describe(self) -> Iterable[Metric]:
        """Return the empty families, so that registering does not need a request."""
        return _empty()

    def collect(self) -> Iterator[Metric]:
        """Make a histogram of each series."""
        latency, requests, body = _empty()
        # A scrape may run in another thread while requests make new series.
        for (method, path, status), counts in list(self._series.items()):
            labels = [method, path, str(status)]
            latency.add_metric(labels, _buckets(LATENCY_BOUNDS, counts.latency), counts.latency_sum)
            requests.add_metric(labels, sum(counts.latency))
            body.add_metric(labels, _buckets(BODY_BOUNDS, counts.body), counts.body_sum)
        yield from (latency, requests, body)


def _empty() -> tuple[HistogramMetricFamily, CounterMetricFamily, HistogramMetricFamily]:
    (latency, _, _, of_latency), (requests, _, _, of_requests), (body, _, _, of_body) = _LATENCY, _REQUESTS, _BODY
    return (
        HistogramMetricFamily(latency, of_latency, labels=_LABELS),
        CounterMetricFamily(requests, of_requests, labels=_LABELS),
        HistogramMetricFamily(body, of_body, labels=_LABELS),
    )


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return pairs of upper bound and number of values up to it, as Prometheus wants them."""
    names = [_text(bound) for bound in (*bounds, float("inf"))]
    return list(zip(names, accumulate(counts), strict=True))


def _text(bound: float) -> str:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]  # the package forgot its annotation
    return text
