"""One span per request, below the caller's when it sends a `traceparent` (W3C Trace Context)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from unkey_api.core.clock import NANOSECONDS_PER_MS
from unkey_api.rpc.exchange import Exchange
from unkey_api.rpc.observers.reports import UNMATCHED

_PARENT_HEADERS = ("traceparent", "tracestate")


class RequestTracing:
    """Opens the span when a request enters and ends it with the outcome; everything in between finds it as parent.

    A request without a caller's trace is drawn for before anything is made: most of them are not sampled, and a span
    that is not recorded costs the SDK nearly as much as the whole of the metrics.
    """

    def __init__(self, tracer: trace.Tracer, *, sample_rate: float, draw: Callable[[], float]) -> None:
        """`sample_rate` is the share of new traces to begin, `draw` a number from 0 to 1 for each request."""
        self._tracer = tracer
        self._sample_rate = sample_rate
        self._draw = draw
        self._propagator = TraceContextTextMapPropagator()
        self._paths: frozenset[str] = frozenset()

    def know(self, paths: Collection[str]) -> None:
        """Take the routes that name spans; all others share one name."""
        self._paths = frozenset(paths)

    def begin(self, exchange: Exchange) -> None:
        """Open the span and make it current, if the request is sampled."""
        parent = self._extract(exchange) if b"traceparent" in exchange.headers else None
        if not (parent or self._drawn()):
            return
        name = exchange.path if exchange.path in self._paths else UNMATCHED
        attributes = {
            "http.request.method": exchange.method,
            "http.route": name,
            "unkey.request_id": exchange.request_id,
        }
        started_ns = exchange.started_ms * NANOSECONDS_PER_MS
        span = self._tracer.start_span(name, parent, trace.SpanKind.SERVER, attributes, start_time=started_ns)
        # The request has a task, and so a context, of its own: nothing needs to be put back afterwards.
        context.attach(trace.set_span_in_context(span))
        exchange.span = span

    def _extract(self, exchange: Exchange) -> context.Context:
        """Return the caller's trace as the one above; empty when the header cannot be read."""
        return self._propagator.extract({name: exchange.header(name.encode()) or "" for name in _PARENT_HEADERS})

    def _drawn(self) -> bool:
        return self._sample_rate >= 1 or self._draw() < self._sample_rate

    def complete(self, exchange: Exchange) -> None:
        """End the span."""
        span = exchange.span
        if not isinstance(span, trace.Span):
            return
        span.set_attribute("http.response.status_code", exchange.status)
        if exchange.status >= 500:
            failure = exchange.failure
            entry = failure.entry if failure else None
            span.set_status(
                trace.StatusCode.ERROR, entry.code.value if entry else failure.kind if failure else "unknown"
            )
        # By the monotonic clock: most requests are over within the millisecond that the wall clock counts.
        span.end(exchange.started_ms * NANOSECONDS_PER_MS + int(exchange.seconds * 1e9))
