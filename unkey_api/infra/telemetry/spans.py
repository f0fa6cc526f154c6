"""Spans of work that has ended, below the span of the running request.

Drivers report after the fact (a name, how long it took, what went wrong), so their spans are made with explicit times.
Nothing here exists while tracing is off, and where the request is not traced there is no more to it than the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry import trace

from unkey_api.core.clock import NANOSECONDS_PER_MS, Clock
from unkey_api.infra.mysql import Mode, Operation, StatementObserver
from unkey_api.infra.redis.client import CommandObserver

_NANOSECONDS = 1_000_000_000


class EndedSpans:
    """Adds finished child spans to whatever span is current."""

    def __init__(self, tracer: trace.Tracer, clock: Clock) -> None:
        self._tracer = tracer
        self._clock = clock

    @staticmethod
    def wanted() -> bool:
        """Say whether the running request is traced."""
        return trace.get_current_span().get_span_context().trace_flags.sampled

    def add(self, name: str, seconds: float, error: BaseException | None, attributes: Mapping[str, str]) -> None:
        """Record one piece of work that took `seconds` and ended now; of an `error` its kind, as its text may tell."""
        end = self._clock.now_ms() * NANOSECONDS_PER_MS
        span = self._tracer.start_span(
            name, kind=trace.SpanKind.CLIENT, attributes=attributes, start_time=end - int(seconds * _NANOSECONDS)
        )
        if error is not None:
            span.set_status(trace.StatusCode.ERROR, type(error).__name__)
        span.end(end)


class StatementSpans:
    """SQL statements. Satisfies `StatementObserver`."""

    def __init__(self, spans: EndedSpans) -> None:
        self._spans = spans

    def on_statement(
        self, name: str, mode: Mode, operation: Operation, seconds: float, error: BaseException | None
    ) -> None:
        """Record one statement by its name; its text and values stay out."""
        if self._spans.wanted():
            attributes = {"db.system.name": "mysql", "db.operation.name": operation, "db.mode": mode}
            self._spans.add(f"mysql {name}", seconds, error, attributes)


class CommandSpans:
    """Redis commands. Satisfies `CommandObserver` of `infra.redis` and passes on to another one."""

    def __init__(self, spans: EndedSpans, *, next_observer: CommandObserver | None = None) -> None:
        self._spans = spans
        self._next = next_observer

    def on_command(self, command: str, seconds: float, error: BaseException | None) -> None:
        """Record one command by its name; keys and values stay out."""
        if self._next is not None:
            self._next.on_command(command, seconds, error)
        if self._spans.wanted():
            attributes = {"db.system.name": "redis", "db.operation.name": command}
            self._spans.add(f"redis {command}", seconds, error, attributes)


class StatementObservers:
    """Tells several observers. Satisfies `StatementObserver`."""

    def __init__(self, observers: Sequence[StatementObserver]) -> None:
        self._tell = tuple(observer.on_statement for observer in observers)

    def on_statement(
        self, name: str, mode: Mode, operation: Operation, seconds: float, error: BaseException | None
    ) -> None:
        """Pass it on."""
        for tell in self._tell:
            tell(name, mode, operation, seconds, error)
