"""Spans: silent when off, passed on when on, and free of exception texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.util.types import Attributes

from unkey_api.infra.telemetry.tracing import OtelTracer, SilentTracer


class RecordedSpan(trace.NonRecordingSpan):
    def __init__(self, name: str, attributes: Attributes) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name = name
        self.attributes = dict(attributes or {})
        self.status: tuple[Any, str | None] | None = None  # Any: the SDK takes a status or its code

    def set_attribute(self, key: str, value: Any) -> None:  # Any: as the base class
        self.attributes[key] = value

    def set_status(self, status: Any, description: str | None = None) -> None:  # Any: as the base class
        self.status = (status, description)


class Recorder(trace.NoOpTracer):
    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []
        self.options: dict[str, Any] = {}  # Any: whatever the adapter passes

    @contextmanager
    def start_as_current_span(  # type: ignore[override]  # takes only what the adapter passes
        self,
        name: str,
        *,
        attributes: Attributes = None,
        **options: Any,  # Any: the API's long tail of options
    ) -> Iterator[RecordedSpan]:
        self.options = options
        self.spans.append(RecordedSpan(name, attributes))
        yield self.spans[-1]


def test_silent_tracer_does_nothing_and_hides_no_error() -> None:
    with SilentTracer().span("work", {"a": 1}) as span:
        span.set("b", 2)
        span.fail("no")
    with pytest.raises(ValueError, match="x"), SilentTracer().span("work"):
        raise ValueError("x")


def test_span_is_passed_on_with_its_attributes() -> None:
    recorder = Recorder()
    with OtelTracer(recorder).span("keys.verify", {"a": 1}) as span:
        span.set("b", 2)
    assert recorder.spans[0].name == "keys.verify"
    assert recorder.spans[0].attributes == {"a": 1, "b": 2}
    assert recorder.spans[0].status is None


def test_failing_block_marks_the_span_without_the_text_of_the_exception() -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match="secret"), OtelTracer(recorder).span("work"):
        raise ValueError("secret")
    assert recorder.spans[0].status == (trace.StatusCode.ERROR, "ValueError")
    assert recorder.options == {"record_exception": False, "set_status_on_exception": False}
