"""What is told about requests: a log line, metrics, a row, and to the caller where the data came from.

A row is made a little later than its request, for a few dozen at once: the request leaves the raw material behind, cut
to size, and blanking what is secret in it is part of making the row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

import structlog

from unkey_api.core.error_code import ErrorCode
from unkey_api.core.redaction import Redactor
from unkey_api.core.secret import MASK, without_secrets
from unkey_api.core.text import shorten
from unkey_api.infra.batching.batcher import Sink
from unkey_api.infra.caching.swr import Freshness
from unkey_api.infra.clickhouse.rows import ApiRequestRow
from unkey_api.infra.telemetry.http_metrics import HttpMetrics
from unkey_api.infra.telemetry.processors import TEXT_CHARS_MAX, Scrubber
from unkey_api.rpc.errors import Failure
from unkey_api.rpc.observers.stored_text import StoredText, stored_query
from unkey_api.rpc.request_state import RequestState, running_request

REPEATS_AT_ONCE = 50
REPEATS_PER_SECOND = 10.0
KINDS_MAX = 10_000  # operations times error codes are fewer
UNMATCHED = "(unmatched)"
"""Stands for every path nobody serves, so that callers cannot make up series."""
QUIET_PATHS = frozenset({"/v2/liveness"})
TIMING_HEADER = b"x-unkey-timing"

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_MASK = MASK.encode()
_scrub = Scrubber().scrub
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def without_keys(text: str, code: ErrorCode) -> str:
    """Return a text about a failure without anything that may be a key.

    Texts quote what callers sent, and callers send keys where ids and names belong. What a dependency says has names
    of hosts and no words of the caller, so it keeps whatever is no secret by its shape.
    """
    if code is not ErrorCode.APPLICATION_SERVICE_UNAVAILABLE:
        cut = shorten(text, TEXT_CHARS_MAX).encode("utf-8", "replace")
        text = without_secrets(cut, _MASK, spare=False).decode()
    return _scrub(text)


def internal_text(failure: Failure) -> str:
    """Return the sentence for the operator."""
    return without_keys(failure.internal, _code(failure))


def public_text(failure: Failure) -> str:
    """Return the sentence that the caller got, as it may be kept."""
    return without_keys(failure.public, _code(failure))


def _code(failure: Failure) -> ErrorCode:
    return failure.entry.code if failure.entry else ErrorCode.APPLICATION_UNEXPECTED_ERROR


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

    def complete(self, state: RequestState) -> None:
        """Write the line of a finished request, if it is worth one."""
        seconds = state.seconds
        if state.status >= 500:
            _log.error("api error", **_fields(state, seconds))
        elif seconds >= self._slow_seconds:
            _log.warning("slow request", **_fields(state, seconds))
        elif state.status >= 400:
            self._refused(state, seconds)

    def _refused(self, state: RequestState, seconds: float) -> None:
        failure = state.failure
        # Without a fault the path is of the caller's making, and there are as many as callers like.
        if failure is not None and failure.entry is not None:
            path, code = state.path, failure.entry.code.value
        else:
            path, code = "", str(state.status)
        if self._sample_rate < 1 and self._draw() >= self._sample_rate:
            self.skipped["sampled", code] += 1
            return
        now = state.started_at + seconds
        repeats = self._kinds.get((path, code))
        if repeats is None:
            if len(self._kinds) >= KINDS_MAX:
                self._kinds.clear()
            repeats = self._kinds[path, code] = _Repeats(now)
        if not repeats.take(now):
            self.skipped["repeated", code] += 1
            return
        fields = _fields(state, seconds)
        if repeats.skipped:
            fields["skipped"], repeats.skipped = repeats.skipped, 0
        _log.info(f"{state.method} {_sent(state.shown_path)}", **fields)


def _fields(state: RequestState, seconds: float) -> dict[str, object]:
    fields: dict[str, object] = {
        "http": {
            "method": state.method,
            "path": _sent(state.shown_path),
            "request_id": state.request_id,
            "host": _sent(state.host),
            "user_agent": _sent(state.user_agent),
            "ip_address": state.client_ip,
            "status_code": state.status,
        },
        "log_meta": {"start": state.started_ms, "duration_ms": round(seconds * 1000, 3)},
    }
    principal = state.principal
    if principal is not None:
        fields["auth"] = {
            "type": principal.subject_type,
            "workspace_id": principal.workspace_id,
            "subject": principal.subject_id,
            "permission_count": len(principal.permissions),
        }
    failure = state.failure
    if failure is not None and failure.entry is not None:
        code, public, internal = failure.entry.code.value, public_text(failure), internal_text(failure)
        fields["errors"] = [{"code": code, "public": public, "internal": internal}]
    elif failure is not None:
        fields["errors"] = [{"internal": internal_text(failure)}]
    return fields


def _sent(text: str) -> str:
    """Return what a caller sent without anything that looks like a key, hexadecimal ones included."""
    return without_secrets(text.encode("utf-8", "replace"), _MASK).decode("utf-8", "replace")


def report_panic(state: RequestState, error: Exception, *, what: str = "panic recovered") -> None:
    """Log an exception nobody expected, with where it was raised and what led to it."""
    _log.error(
        what,
        error=error,
        http={"method": state.method, "path": _sent(state.shown_path), "request_id": state.request_id},
    )


class RequestMetrics:
    """Records each finished request under its route."""

    def __init__(self, metrics: HttpMetrics) -> None:
        self._metrics = metrics
        self._paths: frozenset[str] = frozenset()

    def know(self, paths: Collection[str]) -> None:
        """Take the routes that get series of their own."""
        self._paths = frozenset(paths)

    def route(self, state: RequestState) -> str:
        """Return the path that stands for the request's in labels."""
        return state.path if state.path in self._paths else UNMATCHED

    def complete(self, state: RequestState) -> None:
        """Record the outcome."""
        self._metrics.on_answer(
            state.method,
            self.route(state),
            state.status,
            seconds=state.seconds,
            body_bytes=state.request_bytes,
        )


class RequestRows:
    """Hands finished requests to a sink. Health, documents, liveness and unmatched paths leave no row."""

    def __init__(self, sink: Sink[RequestState]) -> None:
        self._add = sink.add

    def complete(self, state: RequestState) -> None:
        """Hand on a finished request. The edge has cut its bodies to what a row keeps."""
        if not state.quiet and state.path not in QUIET_PATHS:
            self._add(state)


def body_bytes(state: RequestState) -> int:
    """Return how much of a finished request has to be searched for secrets, its headers aside."""
    return len(state.request_body) + len(state.response_body)


class RowMaker:
    """Turns finished requests into rows."""

    def __init__(self, redactor: Redactor, *, region: str) -> None:
        self._stored = StoredText(redactor)
        self._region = region

    def row(self, state: RequestState) -> ApiRequestRow:
        """Return the row of a finished request."""
        scope, headers, stored = state.scope, state.headers, self._stored
        principal, failure, valid = state.principal, state.failure, state.body_valid
        query = scope.get("query_string", b"")
        query_string, query_params = stored_query(query) if query else ("", {})
        return ApiRequestRow(  # by position: names cost as much again as the rest of the call
            state.request_id,
            state.started_ms,
            principal.workspace_id if principal else "",
            stored.text(headers.get(b"host", b"")),
            stored.text(state.method),
            stored.text(state.path),
            query_string,
            query_params,
            stored.headers(scope["headers"]),
            stored.request_body(state.request_body, state.request_bytes, valid=valid),
            state.status,
            # Answers of the RPC surface carry their request's id, so no two are alike.
            stored.answer_headers(state.sent_headers) if state.http_json else stored.headers(state.sent_headers),
            stored.response_body(state.response_body, valid=valid),
            internal_text(failure) if failure is not None else "",
            int(state.seconds * 1000),
            stored.text(headers.get(b"user-agent", b"")),
            state.client_ip,
            self._region,
        )


class CacheTiming:
    """Adds one header per cache read: `cache_get{cache=<name>,status=fresh|stale|miss}=<duration>`."""

    def __init__(self) -> None:
        self._fresh: dict[str, tuple[bytes, bytes]] = {}

    def cache_read(self, cache: str, freshness: Freshness, seconds: float) -> None:
        """Note a read on the running request; reads outside of requests are not noted."""
        state = running_request()
        if state is None:
            return
        if freshness is not Freshness.FRESH:
            state.response_headers.append((TIMING_HEADER, _timing(cache, freshness, seconds)))
            return
        # A fresh read takes no time worth measuring, so the line is the same every time.
        line = self._fresh.get(cache)
        if line is None:
            line = self._fresh[cache] = (TIMING_HEADER, _timing(cache, freshness, seconds))
        state.response_headers.append(line)


def _timing(cache: str, freshness: Freshness, seconds: float) -> bytes:
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"cache_get{{cache={cache},status={freshness.value}}}={_decimal(seconds / size)}{unit}".encode()


def _decimal(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
