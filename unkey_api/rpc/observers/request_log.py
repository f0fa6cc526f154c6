"""One structured line per request worth reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import structlog

from unkey_api.core.secret import MASK
from unkey_api.core.secret_shapes import without_secrets
from unkey_api.rpc.exchange import Exchange
from unkey_api.rpc.observers.failures import internal_text, public_text

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_MASK = MASK.encode()
REPEATS_AT_ONCE = 50
REPEATS_PER_SECOND = 10.0
KINDS_MAX = 10_000  # operations times error codes are fewer


class _Repeats:
    """How many more lines of one kind may be written: a bucket of tokens."""

    __slots__ = ("left", "seen_at", "skipped")

    def __init__(self, now: float) -> None:
        self.left = float(REPEATS_AT_ONCE)
        self.seen_at = now
        self.skipped = 0

    def take(self, now: float) -> bool:
        """Return True when there is room for one more at that moment."""
        left = self.left + (now - self.seen_at) * REPEATS_PER_SECOND
        self.seen_at = now
        self.left = left if left < REPEATS_AT_ONCE else float(REPEATS_AT_ONCE)
        if self.left < 1:
            self.skipped += 1
            return False
        self.left -= 1
        return True


class RequestLog:
    """Log failures: server errors always, refusals as sampled, slow requests always. Successes are for metrics.

    A caller who is refused again and again would cost a line each time, which is more work than the refusal. So of each
    kind, the operation and the code, some are written and the others counted; the next line says how many they were.
    """

    def __init__(self, *, sample_rate: float, slow_seconds: float, draw: Callable[[], float]) -> None:
        """`sample_rate` is the share of 4xx lines kept, `draw` a number from 0 to 1 for each of them."""
        self._sample_rate = sample_rate
        self._slow_seconds = slow_seconds
        self._draw = draw
        self._kinds: dict[tuple[str, str], _Repeats] = {}
        self.skipped: Counter[tuple[str, str]] = Counter()
        """Refusals without a line, by reason (`sampled` or `repeated`) and code, or status where there is no code."""

    def complete(self, exchange: Exchange) -> None:
        """Write the line of a finished request, if it is worth one."""
        seconds = exchange.seconds
        if exchange.status >= 500:
            _log.error("api error", **_fields(exchange, seconds))
        elif seconds >= self._slow_seconds:
            _log.warning("slow request", **_fields(exchange, seconds))
        elif exchange.status >= 400:
            self._refused(exchange, seconds)

    def _refused(self, exchange: Exchange, seconds: float) -> None:
        failure = exchange.failure
        # Without a fault the path is of the caller's making, and there are as many as callers like.
        if failure is not None and failure.entry is not None:
            path, code = exchange.path, failure.entry.code.value
        else:
            path, code = "", str(exchange.status)
        if self._sample_rate < 1 and self._draw() >= self._sample_rate:
            self.skipped["sampled", code] += 1
            return
        now = exchange.started_at + seconds
        repeats = self._kinds.get((path, code))
        if repeats is None:
            if len(self._kinds) >= KINDS_MAX:
                self._kinds.clear()
            repeats = self._kinds[path, code] = _Repeats(now)
        if not repeats.take(now):
            self.skipped["repeated", code] += 1
            return
        fields = _fields(exchange, seconds)
        if repeats.skipped:
            fields["skipped"], repeats.skipped = repeats.skipped, 0
        _log.info(f"{exchange.method} {_sent(exchange.shown_path)}", **fields)


def _fields(exchange: Exchange, seconds: float) -> dict[str, object]:
    fields: dict[str, object] = {
        "http": {
            "method": exchange.method,
            "path": _sent(exchange.shown_path),
            "request_id": exchange.request_id,
            "host": _sent(exchange.host),
            "user_agent": _sent(exchange.user_agent),
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


def _sent(text: str) -> str:
    """Return what a caller sent without anything that looks like a key, hexadecimal ones included."""
    return without_secrets(text.encode("utf-8", "replace"), _MASK).decode("utf-8", "replace")


def report_panic(exchange: Exchange, error: Exception, *, what: str = "panic recovered") -> None:
    """Log an exception nobody expected, with where it was raised and what led to it."""
    _log.error(
        what,
        error=error,
        http={"method": exchange.method, "path": _sent(exchange.shown_path), "request_id": exchange.request_id},
    )
