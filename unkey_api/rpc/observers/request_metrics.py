"""Counts and durations of requests, for Prometheus."""

from __future__ import annotations

from collections.abc import Collection

from unkey_api.infra.telemetry.http_metrics import HttpMetrics
from unkey_api.rpc.exchange import Exchange

UNMATCHED = "(unmatched)"
"""Stands for every path nobody serves, so that callers cannot make up series."""


class RequestMetrics:
    """Records each finished request under its route."""

    def __init__(self, metrics: HttpMetrics) -> None:
        self._metrics = metrics
        self._paths: frozenset[str] = frozenset()

    def know(self, paths: Collection[str]) -> None:
        """Take the routes that get series of their own."""
        self._paths = frozenset(paths)

    def route(self, exchange: Exchange) -> str:
        """Return the path that stands for the request's in labels."""
        return exchange.path if exchange.path in self._paths else UNMATCHED

    def complete(self, exchange: Exchange) -> None:
        """Record the outcome."""
        self._metrics.on_answer(
            exchange.method,
            self.route(exchange),
            exchange.status,
            seconds=exchange.seconds,
            body_bytes=exchange.request_bytes,
        )
