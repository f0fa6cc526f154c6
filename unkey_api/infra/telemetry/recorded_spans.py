"""Spans that are worth recording, behind OpenTelemetry's API.

The SDK's spans cost many times as much, most of it for possibilities nobody uses here (docs/adr/0016). These know what
this service does with them: a name, a few attributes, a status, a parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace.span import SpanContext, TraceFlags

from unkey_api.core.clock import NANOSECONDS_PER_MS, Clock

SAMPLED = TraceFlags(TraceFlags.SAMPLED)

Take = Callable[["RecordedSpan"], object]


class RecordedSpan(trace.Span):
    """One piece of work under way or done. Handed on once, when it ends."""

    __slots__ = (
        "_clock",
        "_take",
        "attributes",
        "ended_ns",
        "error",
        "kind",
        "name",
        "parent_id",
        "place",
        "started_ns",
    )

    def __init__(self, name: str, place: SpanContext, clock: Clock, take: Take) -> None:
        self.name = name
        self.place = place
        self.parent_id = 0
        """0 for the first span of a trace."""
        self.kind = trace.SpanKind.INTERNAL
        self.attributes: dict[str, Any] = {}  # Any: texts, numbers and truth values
        self.started_ns = 0
        """Unix time, as is `ended_ns`."""
        self.ended_ns = 0
        self.error: str | None = None
        """What went wrong; None when nothing did."""
        self._clock = clock
        self._take = take

    def end(self, end_time: int | None = None) -> None:
        """Note the end, at a Unix time in nanoseconds or now, and hand it on. Further calls do nothing."""
        if not self.ended_ns:
            self.ended_ns = end_time or self._clock.now_ms() * NANOSECONDS_PER_MS
            self._take(self)

    def get_span_context(self) -> SpanContext:
        """Return its place among all spans."""
        return self.place

    def set_attribute(self, key: str, value: Any) -> None:  # Any: as the API has it
        """Add an attribute."""
        self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:  # Any: the same
        """Add attributes."""
        self.attributes.update(attributes)

    def set_status(self, status: Any, description: str | None = None) -> None:  # Any: a status or its code
        """Note a failure; other statuses say nothing."""
        code = status.status_code if isinstance(status, trace.Status) else status
        if code is trace.StatusCode.ERROR:
            self.error = description or (status.description if isinstance(status, trace.Status) else None) or ""

    def update_name(self, name: str) -> None:
        """Rename it."""
        self.name = name

    def is_recording(self) -> bool:
        """Say whether it has not ended."""
        return not self.ended_ns

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:  # Any: as the API
        """Leave the event out: nothing of ours reports any."""

    def record_exception(self, exception: BaseException, *_: Any, **__: Any) -> None:  # Any: as the API has it
        """Leave the exception out: its text may hold what logs would scrub."""


class RecordingTracer(trace.Tracer):
    """Makes spans. What should not be sampled must not get here, unless a caller's trace says so."""

    def __init__(self, take: Take, *, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        """`take` gets every span that has ended."""
        self._take = take
        self._clock = clock
        self._random = random_bytes

    def start_span(  # noqa: PLR0913, PLR0917 - the API's own signature
        self,
        name: str,
        context: otel_context.Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: Any = None,  # Any: as the API has it
        links: Any = None,  # Any: the same
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002 - the API's own signature
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002 - the same
    ) -> trace.Span:
        """Begin a span, at a Unix time in nanoseconds or now; one that records nothing below a trace not sampled."""
        parent = trace.get_current_span(context).get_span_context()
        numbers = self._random(24)
        trace_id = int.from_bytes(numbers[8:])
        if parent.is_valid:
            if not parent.trace_flags.sampled:
                return trace.NonRecordingSpan(parent)
            trace_id = parent.trace_id
        place = SpanContext(trace_id, int.from_bytes(numbers[:8]), is_remote=False, trace_flags=SAMPLED)
        span = RecordedSpan(name, place, self._clock, self._take)
        span.parent_id = parent.span_id
        span.kind = kind
        if attributes:
            span.attributes.update(attributes)
        span.started_ns = start_time or self._clock.now_ms() * NANOSECONDS_PER_MS
        return span

    @contextmanager
    def start_as_current_span(self, name: str, *arguments: Any, **options: Any) -> Iterator[trace.Span]:  # type: ignore[override]  # Any: as the API has it, whose decorator makes a type of its own
        """Begin a span that ends with the block."""
        span = self.start_span(name, *arguments, **options)
        with trace.use_span(span, end_on_exit=True, record_exception=False):
            yield span
