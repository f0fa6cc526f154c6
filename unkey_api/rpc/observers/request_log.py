"""One structured line per request worth reading."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from unkey_api.rpc.exchange import Exchange
from unkey_api.rpc.observers.failures import internal_text, public_text

_log = structlog.get_logger(__name__)


class RequestLog:
    """Log failures: server errors always, refusals as sampled, slow requests always. Successes are for metrics."""

    def __init__(self, *, sample_rate: float, slow_seconds: float, draw: Callable[[], float]) -> None:
        """`sample_rate` is the share of 4xx lines kept, `draw` a number from 0 to 1 for each of them."""
        self._sample_rate = sample_rate
        self._slow_seconds = slow_seconds
        self._draw = draw

    def complete(self, exchange: Exchange) -> None:
        """Write the line of a finished request, if it is worth one."""
        seconds = exchange.seconds
        if exchange.status >= 500:
            _log.error("api error", **_fields(exchange, seconds))
        elif seconds >= self._slow_seconds:
            _log.warning("slow request", **_fields(exchange, seconds))
        elif exchange.status >= 400 and (self._sample_rate >= 1 or self._draw() < self._sample_rate):
            _log.info(f"{exchange.method} {exchange.shown_path}", **_fields(exchange, seconds))


def _fields(exchange: Exchange, seconds: float) -> dict[str, object]:
    fields: dict[str, object] = {
        "http": {
            "method": exchange.method,
            "path": exchange.shown_path,
            "request_id": exchange.request_id,
            "host": exchange.host,
            "user_agent": exchange.user_agent,
            "ip_address": exchange.client_ip,
            "status_code": exchange.status,
        },
        "log_meta": {"start": exchange.started_ms, "duration_ms": round(seconds * 1000, 3)},
    }
    principal = exchange.principal
    if principal is not None:
        fields["auth"] = {
            "type": principal.subject_type,
            "workspace_id": principal.workspace_id,
            "subject": principal.subject_id,
            "permission_count": len(principal.permissions),
        }
    failure = exchange.failure
    if failure is not None and failure.entry is not None:
        code, public, internal = failure.entry.code.value, public_text(failure), internal_text(failure)
        fields["errors"] = [{"code": code, "public": public, "internal": internal}]
    elif failure is not None:
        fields["errors"] = [{"internal": internal_text(failure)}]
    return fields


def report_panic(exchange: Exchange, error: Exception, *, what: str = "panic recovered") -> None:
    """Log an exception nobody expected, with where it was raised and what led to it."""
    _log.error(
        what,
        error=error,
        http={"method": exchange.method, "path": exchange.shown_path, "request_id": exchange.request_id},
    )
