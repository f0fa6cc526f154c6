"""Turning what the parts report into metrics, where their vocabularies differ."""

from __future__ import annotations

from unkey_api.infra.telemetry.metrics import RatelimitMetrics, UsageMetrics
from unkey_api.ratelimit.engine.counts import StoreOperation


class LimiterReports:
    """Calls of the limiter to its store. Satisfies `LimiterObserver`."""

    def __init__(self, metrics: RatelimitMetrics) -> None:
        self._metrics = metrics

    def store_called(self, operation: StoreOperation, seconds: float, failure: str | None) -> None:
        """Record one call."""
        self._metrics.on_origin_call(operation.value, seconds, failed_for=failure)


class CreditReports:
    """Writes of spent credits. Satisfies `CreditObserver`."""

    def __init__(self, metrics: UsageMetrics) -> None:
        self._metrics = metrics

    def credit_replayed(self, *, success: bool, seconds: float) -> None:
        """Record one write."""
        self._metrics.on_replay("success" if success else "error", seconds)
