"""Spans. Off by default; on, they go through the OpenTelemetry API to whatever SDK the process installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Protocol

from opentelemetry import trace

Attributes = Mapping[str, str | int | float | bool]


class Span(Protocol):
    """A stretch of work under way."""

    def set(self, name: str, value: str | float | bool) -> None:  # noqa: FBT001 - attribute values may be booleans
        """Add an attribute."""
        ...

    def fail(self, reason: str) -> None:
        """Mark the work as failed. The reason is for operators and holds no secrets."""
        ...


class Tracer(Protocol):
    """Opens spans named by role: `keys.verify.credits`, `mysql key_find_live_by_hash`."""

    def span(self, name: str, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
        """Open a span that ends with the block and is marked failed when the block raises."""
        ...


class _SilentSpan:
    """A span that nobody looks at; one object serves everybody, since it holds nothing."""

    __slots__ = ()

    def set(self, name: str, value: str | float | bool) -> None:  # noqa: FBT001 - as the protocol
        """Ignore the attribute."""

    def fail(self, reason: str) -> None:
        """Ignore the failure."""

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class SilentTracer:
    """Tracing switched off; costs one call and no allocation."""

    def __init__(self) -> None:
        self._span = _SilentSpan()

    def span(self, name: str, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
        """Return the span that ignores everything."""
        return self._span


class _OtelSpan:
    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, name: str, value: str | float | bool) -> None:  # noqa: FBT001 - as the protocol
        """Add an attribute."""
        self._span.set_attribute(name, value)

    def fail(self, reason: str) -> None:
        """Set the error status."""
        self._span.set_status(trace.StatusCode.ERROR, reason)


class OtelTracer:
    """Tracing through OpenTelemetry. Messages of exceptions stay out of spans: they may hold what logs would scrub."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(self, name: str, attributes: Attributes | None = None) -> Iterator[Span]:
        """Open a span below the current one."""
        with self._tracer.start_as_current_span(
            name, attributes=dict(attributes or {}), record_exception=False, set_status_on_exception=False
        ) as span:
            ours = _OtelSpan(span)
            try:
                yield ours
            except BaseException as err:
                ours.fail(type(err).__name__)
                raise
