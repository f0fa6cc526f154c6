"""One span per request, below the caller's when it sends a `traceparent` (W3C Trace Context)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from opentelemetry import context, trace

from unkey_api.core.clock import NANOSECONDS_PER_MS
from unkey_api.rpc.observers.reports import UNMATCHED
from unkey_api.rpc.request_state import RequestState


class Places(Protocol):
    """Decides which requests are traced."""

    def place(self, headers: Mapping[bytes, bytes]) -> context.Context | None:
        """Return the context to begin the span of a request with these headers in; None when it is not traced."""
        ...


class RequestTracing:
    """Opens the span when a request enters and ends it with the outcome; everything in between finds it as parent.

    Whether it is traced is decided before anything is made: most requests are not, and a span that is not recorded
    costs the SDK nearly as much as the whole of the metrics.
    """

    def __init__(self, tracer: trace.Tracer, places: Places) -> None:
        self._tracer = tracer
        self._place = places.place
        self._paths: frozenset[str] = frozenset()

    def know(self, paths: Collection[str]) -> None:
        """Take the routes that name spans; all others share one name."""
        self._paths = frozenset(paths)

    def begin(self, state: RequestState) -> None:
        """Open the span and make it current, if the request is sampled."""
        place = self._place(state.headers)
        if place is None:
            return
        name = state.path if state.path in self._paths else UNMATCHED
        attributes = {
            "http.request.method": state.method,
            "http.route": name,
            "unkey.request_id": state.request_id,
        }
        started_ns = state.started_ms * NANOSECONDS_PER_MS
        span = self._tracer.start_span(name, place, trace.SpanKind.SERVER, attributes, start_time=started_ns)
        # The request has a task, and so a context, of its own: nothing needs to be put back afterwards.
        context.attach(trace.set_span_in_context(span))
        state.span = span

    def complete(self, state: RequestState) -> None:
        """End the span."""
        span = state.span
        if span is None or not isinstance(span, trace.Span):
            return
        span.set_attribute("http.response.status_code", state.status)
        if state.status >= 500:
            failure = state.failure
            entry = failure.entry if failure else None
            span.set_status(
                trace.StatusCode.ERROR, entry.code.value if entry else failure.kind if failure else "unknown"
            )
        # By the monotonic clock: most requests are over within the millisecond that the wall clock counts.
        span.end(state.started_ms * NANOSECONDS_PER_MS + int(state.seconds * 1e9))
