"""Turning what limits and credits report into metrics, where their vocabularies differ."""

from __future__ import annotations

from collections.abc import Iterator

from unkey_api.areas.keys.credits.limiter import CreditCounts, CreditLimiter
from unkey_api.areas.keys.verification.directory import LoadCounts
from unkey_api.areas.ratelimit.engine.counts import LimiterCounts, StoreOperation
from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.infra.telemetry import limit_collector as series
from unkey_api.infra.telemetry.limit_collector import Reading
from unkey_api.infra.telemetry.metrics import Metrics, RatelimitMetrics, UsageMetrics


class LimiterReports:
    """Calls of the limiter to its store. Satisfies `LimiterObserver`."""

    def __init__(self, metrics: RatelimitMetrics) -> None:
        self._metrics = metrics

    def store_called(self, operation: StoreOperation, counters: int, seconds: float, failure: str | None) -> None:
        """Record one call."""
        self._metrics.on_origin_call(operation.value, counters, seconds, failed_for=failure)


class CreditReports:
    """Writes of spent credits. Satisfies `CreditObserver`."""

    def __init__(self, metrics: UsageMetrics) -> None:
        self._metrics = metrics

    def credit_replayed(self, *, success: bool, seconds: float) -> None:
        """Record one write."""
        self._metrics.on_replay("success" if success else "error", seconds)


def watch_limits(metrics: Metrics, limiter: RateLimiter, credits_: CreditLimiter, loads: LoadCounts) -> None:
    """Have what these parts count appear among the metrics; it is read at each scrape."""
    metrics.limits.watch(lambda: limiter_readings(limiter.counts))
    metrics.limits.watch(lambda: credit_readings(credits_.counts))
    metrics.limits.watch(lambda: load_readings(loads))
    counts, waiting, behind = limiter.counts, limiter.replays, credits_.replays
    metrics.buffers.watch(
        "ratelimit_replays", waiting, capacity=waiting.capacity, accepted=lambda: counts.replays_buffered
    )
    metrics.buffers.watch(
        "usagelimiter_replays", behind, capacity=behind.capacity, accepted=lambda: behind.accepted, drops=False
    )


def limiter_readings(counts: LimiterCounts) -> Iterator[Reading]:
    """Give what a limiter counted."""
    plain = (
        (series.WINDOWS, counts.windows),
        (series.WINDOWS_CREATED, counts.windows_created),
        (series.WINDOWS_EVICTED, counts.windows_evicted),
        (series.COUNTERS_PUSHED_OUT, counts.counters_pushed_out),
        (series.CAS_EXHAUSTED, 0),
        (series.PUSHED, counts.pushed_rows),
        (series.PUSH_ERRORS, counts.push_errors),
        (series.PULLED, counts.pulled_rows),
        (series.PULL_ERRORS, counts.pull_errors),
        (series.TRIMMED, counts.trimmed_rows),
        (series.IMPORTED, counts.imported_windows),
        (series.PULLED_LAST, counts.pulled_rows_last),
    )
    for family, value in plain:
        yield Reading(family, (), value)
    for workspace_id, each in counts.workspaces.items():
        for source, outcome, value in (
            ("local", "passed", each.local_passed),
            ("local", "denied", each.local_denied),
            ("origin", "passed", each.origin_passed),
            ("origin", "denied", each.origin_denied),
        ):
            if value:
                yield Reading(series.DECISIONS, (workspace_id, source, outcome), value)
        if each.strict_activations:
            yield Reading(series.STRICT, (workspace_id,), each.strict_activations)


def credit_readings(counts: CreditCounts) -> Iterator[Reading]:
    """Give what a credit limiter counted."""
    for source, outcome, value in (
        ("redis", "allowed", counts.redis_allowed),
        ("redis", "denied", counts.redis_denied),
        ("db", "allowed", counts.db_allowed),
        ("db", "denied", counts.db_denied),
    ):
        if value:
            yield Reading(series.CREDITS, (source, outcome), value)


def load_readings(counts: LoadCounts) -> Iterator[Reading]:
    """Give how keys were found when looked up."""
    for kind, statuses in (("key", counts.key), ("root_key", counts.root_key)):
        for status, value in statuses.items():
            yield Reading(series.KEYS, (kind, status.value), value)
    for presented, value in counts.failed.items():
        yield Reading(series.KEY_ERRORS, (presented,), value)
