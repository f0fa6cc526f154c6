"""Every metric this service has, by group. The only place where a metric name is written.

A process builds one `Metrics`; each part receives the group it feeds. Groups resolve label children once and keep them,
because looking a child up costs more than counting. Values that something already keeps (caches, buffers) are read when
scraped, see `collectors`; so are requests, see `http_metrics`, because there are so many.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from unkey_api.core.changes import LoggedChange
from unkey_api.infra.clickhouse.writer import FlushOutcome, FlushReport
from unkey_api.infra.mysql.ports import Mode, Operation
from unkey_api.infra.resilience.breaker import BreakerState
from unkey_api.infra.telemetry.collectors import BufferCollector, CacheCollector, LogCollector, StoreCollector
from unkey_api.infra.telemetry.http_metrics import ConnectionMetrics, HttpMetrics
from unkey_api.infra.telemetry.limit_collector import LimitCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Media type of `Metrics.render`."""

_LATENCY = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2, 3, 5, 10)
_FAST_LATENCY = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_BATCH_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)


@dataclass(frozen=True, slots=True)
class MetricDescription:
    """One metric, as documentation shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


class _Factory:
    """Makes instruments in a registry and remembers what they are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.described: list[MetricDescription] = []
        self._registry = registry

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        """Make a counter. The name ends in `_total`."""
        self.describe(name, "counter", labels, meaning)
        return Counter(name, meaning, labels, registry=self._registry)

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        """Make a gauge."""
        self.describe(name, "gauge", labels, meaning)
        return Gauge(name, meaning, labels, registry=self._registry)

    def histogram(self, name: str, meaning: str, *labels: str, buckets: Sequence[float]) -> Histogram:
        """Make a histogram with these upper bounds."""
        self.describe(name, "histogram", labels, meaning)
        return Histogram(name, meaning, labels, registry=self._registry, buckets=buckets)

    def describe(self, name: str, kind: str, labels: tuple[str, ...], meaning: str) -> None:
        """Remember a metric that is made elsewhere."""
        self.described.append(MetricDescription(name, kind, labels, meaning))


class DatabaseMetrics:
    """Statements run; satisfies the observer of `infra.mysql`."""

    def __init__(self, make: _Factory) -> None:
        labels = ("replica", "operation", "status")
        self._latency = make.histogram(
            "unkey_database_operations_latency_seconds", "Time a statement took.", *labels, buckets=_FAST_LATENCY
        )
        self._operations = make.counter("unkey_database_operations_total", "Statements run.", *labels)
        self._errors = make.counter("unkey_database_operations_errors_total", "Statements failed.", *labels[:2])
        self._orphans = make.counter(
            "unkey_database_orphaned_writes_failed_total", "Writes that failed after their caller had left."
        )
        self._children: dict[tuple[Mode, Operation, bool], tuple[Histogram, Counter]] = {}

    def on_statement(
        self,
        name: str,
        mode: Mode,
        operation: Operation,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        """Count one ended statement."""
        key = (mode, operation, error is None)
        children = self._children.get(key)
        if children is None:
            labels = (mode, operation, "success" if error is None else "error")
            children = (self._latency.labels(*labels), self._operations.labels(*labels))
            self._children[key] = children
        children[0].observe(seconds)
        children[1].inc()
        if error is not None:
            self._errors.labels(mode, operation).inc()

    def on_orphan_error(self) -> None:
        """Count a write that failed when nobody was left to be told."""
        self._orphans.inc()


class BatchMetrics:
    """Batches of events written; `on_flush` takes the reports of `infra.clickhouse`."""

    def __init__(self, make: _Factory) -> None:
        self._sizes = make.histogram(
            "unkey_batch_size_distribution", "Rows per batch.", "name", "trigger", buckets=_BATCH_ROWS
        )
        self._operations = make.counter("unkey_batch_operations_total", "Batches ended.", "name", "trigger", "status")
        self._items = make.counter("unkey_batch_items_processed_total", "Rows written.", "name")
        self._lost = make.counter("unkey_batch_items_processed_errors_total", "Rows given up.", "name")

    def on_flush(self, report: FlushReport) -> None:
        """Count one batch."""
        written = report.outcome is FlushOutcome.WRITTEN
        self._sizes.labels(report.table, report.reason.value).observe(report.rows)
        self._operations.labels(report.table, report.reason.value, "success" if written else "error").inc()
        (self._items if written else self._lost).labels(report.table).inc(report.rows)


class SpanMetrics:
    """Traces on their way to the collector."""

    def __init__(self, make: _Factory) -> None:
        self._batches = make.counter(
            "unkey_span_batches_total", "Batches of spans, by what the collector did with them.", "outcome"
        )
        self._lost = make.counter("unkey_spans_lost_total", "Spans the collector did not take.", "reason")

    def on_batch(self, outcome: str, lost: int) -> None:
        """Count a batch: `taken`, `refused`, `unreachable`, `closed` (at the end) or `unencodable` (a bug).

        Of one that was taken, a collector may have `lost` some spans; these count as refused.
        """
        self._batches.labels(outcome).inc()
        if lost:
            self._lost.labels("refused" if outcome == "taken" else outcome).inc(lost)


class BreakerMetrics:
    """Calls through circuit breakers, by the state they met."""

    def __init__(self, make: _Factory) -> None:
        self._requests = make.counter(
            "unkey_circuitbreaker_requests_total", "Calls, by the state of the breaker.", "service", "action"
        )
        self._children: dict[tuple[str, BreakerState], Counter] = {}

    def on_call(self, service: str, state: BreakerState) -> None:
        """Count one call; satisfies the hook of `CircuitBreaker`."""
        child = self._children.get((service, state))
        if child is None:
            child = self._children[service, state] = self._requests.labels(service, state.value)
        child.inc()


class UsageMetrics:
    """Spent credits written behind the answers. Decisions are read when scraped, see `limit_collector`."""

    def __init__(self, make: _Factory) -> None:
        self._replays = make.counter(
            "unkey_usagelimiter_replay_operations_total", "Decrements written to the database.", "status"
        )
        self._latency = make.histogram(
            "unkey_usagelimiter_replay_latency_seconds", "Time such a write took.", buckets=_LATENCY
        )

    def on_replay(self, status: str, seconds: float) -> None:
        """Count one write of a decrement. `status` is `success` or `error`."""
        self._replays.labels(status).inc()
        self._latency.observe(seconds)


class RatelimitMetrics:
    """The rate limiter's talk with the shared store. Everything else is read when scraped, see `limit_collector`."""

    def __init__(self, make: _Factory) -> None:
        name = "unkey_ratelimit_"
        self._operations = make.counter(
            f"{name}origin_operations_total", "Counters asked for in the shared store.", "op"
        )
        self._latency = make.histogram(
            f"{name}origin_latency_seconds", "Time a call of the store took.", "op", buckets=_LATENCY
        )
        self._errors = make.counter(f"{name}origin_errors_total", "Counters asked for in vain.", "op", "reason")
        self._children: dict[str, tuple[Counter, Histogram]] = {}

    def on_origin_call(self, operation: str, counters: int, seconds: float, *, failed_for: str | None = None) -> None:
        """Count one call about so many counters; `failed_for` is a short reason, None when it worked."""
        children = self._children.get(operation)
        if children is None:
            children = self._operations.labels(operation), self._latency.labels(operation)
            self._children[operation] = children
        children[0].inc(counters)
        children[1].observe(seconds)
        if failed_for is not None:
            self._errors.labels(operation, failed_for).inc(counters)


class InvalidationMetrics:
    """Cache changes told to, and heard from, other processes."""

    def __init__(self, make: _Factory) -> None:
        name = "unkey_cache_clustering_"
        self._sent = make.counter(f"{name}invalidations_sent_total", "Changes told.", "cache_name", "action")
        self._received = make.counter(
            f"{name}invalidations_received_total", "Changes heard.", "cache_name", "action", "status"
        )
        self._errors = make.counter(f"{name}broadcast_errors_total", "Changes that could not be told.", "transport")
        self._latency = make.histogram(
            f"{name}delivery_latency_seconds", "Time from change to hearing of it.", "transport", buckets=_LATENCY
        )
        self._up = make.gauge(f"{name}transport_up", "1 while the transport to other processes works.", "transport")

    def on_sent(self, cache: str, action: str) -> None:
        """Count one change told. `action` is `remove` or `clear`."""
        self._sent.labels(cache, action).inc()

    def on_received(self, cache: str, action: str, status: str) -> None:
        """Count one change heard. `status` is `handled`, `skipped_self`, `skipped_unknown` or `error`."""
        self._received.labels(cache, action, status).inc()

    def on_delivery(self, transport: str, seconds: float) -> None:
        """Note how long a change was under way."""
        self._latency.labels(transport).observe(seconds)

    def on_broadcast_error(self, transport: str) -> None:
        """Count a change that could not be told."""
        self._errors.labels(transport).inc()

    def set_up(self, transport: str, *, up: bool) -> None:
        """Note whether the transport works."""
        self._up.labels(transport).set(up)


class ChangeMetrics:
    """Following the log of changes; satisfies the observer of `infra.changes`."""

    def __init__(self, make: _Factory) -> None:
        name = "unkey_changes_"
        self._behind = make.gauge(f"{name}lag", "Changes that were not read yet when the log was last looked at.")
        self._applied = make.counter(f"{name}applied_total", "Changes of other processes acted on.", "kind")
        self._resets = make.counter(
            f"{name}resets_total", "Times everything cached was dropped, as changes were missed.", "reason"
        )
        self._failures = make.counter(f"{name}read_errors_total", "Looks at the log of changes that failed.")
        self._age = make.gauge(
            "unkey_as_of_age_seconds", "Age of the newest moment as of which everything cached is at least."
        )
        self._marked = make.gauge(
            "unkey_replica_marked_workspaces",
            "Workspaces the primary serves until the replica has them; 10,000 stand for all.",
        )
        self._rereads = make.gauge(
            "unkey_primary_rereads", "Rows read again from the primary, as the replica may have had older ones."
        )

    def watch(self, *, age: Callable[[], float], marked: Callable[[], float], rereads: Callable[[], float]) -> None:
        """Read these when scraped."""
        self._age.set_function(age)
        self._marked.set_function(marked)
        self._rereads.set_function(rereads)

    def on_looked(self, behind: int) -> None:
        """Note how many changes were not read yet."""
        self._behind.set(behind)

    def on_applied(self, changes: Sequence[LoggedChange]) -> None:
        """Count changes of others that were acted on."""
        for each in changes:
            self._applied.labels(each.change.kind.name.lower()).inc()

    def on_reset(self, reason: str) -> None:
        """Count a time everything was dropped."""
        self._resets.labels(reason).inc()

    def on_failure(self) -> None:
        """Count a look that failed."""
        self._failures.inc()


class GuessMetrics:
    """Credentials that were not even looked up."""

    def __init__(self, make: _Factory) -> None:
        self._refused = make.counter(
            "unkey_guesses_refused_total", "Unknown credentials turned away because their address had failed too often."
        )
        self._held = make.counter(
            "unkey_guesses_held_total", "Those of them that had to wait for it; the others found no room to wait."
        )

    def on_refused(self) -> None:
        """Count one that was turned away."""
        self._refused.inc()

    def on_held(self) -> None:
        """Count one that had to wait for that."""
        self._held.inc()


class Metrics:
    """All metrics of one process."""

    def __init__(self, *, version: str, revision: str = "", build_time: str = "") -> None:
        """Build the registry. Creation-time series are switched off: they double the page for nobody's use."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the package forgot its annotation
        self.registry = CollectorRegistry()
        make = _Factory(self.registry)
        build = make.gauge(
            "unkey_build_info", "Always 1.", "service", "version", "revision", "python_version", "build_time"
        )
        build.labels("api", version, revision, platform.python_version(), build_time).set(1)
        self.http = HttpMetrics()
        self.database = DatabaseMetrics(make)
        self.batches = BatchMetrics(make)
        self.breakers = BreakerMetrics(make)
        self.spans = SpanMetrics(make)
        self.usage = UsageMetrics(make)
        self.ratelimit = RatelimitMetrics(make)
        self.invalidation = InvalidationMetrics(make)
        self.changes = ChangeMetrics(make)
        self._panics = make.counter(
            "unkey_internal_panics_total", "Faults that nothing below the edge handled.", "caller", "path"
        )
        self.guesses = GuessMetrics(make)
        self.caches = CacheCollector()
        self.buffers = BufferCollector()
        self.limits = LimitCollector()
        self.stores = StoreCollector()
        self.logs = LogCollector()
        self.connections = ConnectionMetrics()
        for collector in (self.http, self.caches, self.buffers, self.limits, self.stores, self.logs, self.connections):
            for family in collector.families():
                make.describe(*family)
            self.registry.register(collector)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.described: tuple[MetricDescription, ...] = tuple(make.described)

    def on_panic(self, caller: str, path: str) -> None:
        """Count a fault that nothing below `caller` handled."""
        self._panics.labels(caller, path).inc()

    def render(self) -> bytes:
        """Return the page for Prometheus, in the format of `CONTENT_TYPE`."""
        return generate_latest(self.registry)
