"""Which requests are traced, before anything is made for them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.trace import TracerProvider

from tests.support.clock import FixedClock
from unkey_api.infra.telemetry.sampling import DrawnIds, HeadSampler, UnknownPropagator, load_propagators
from unkey_api.infra.telemetry.spans import CommandSpans, EndedSpans, StatementSpans
from unkey_api.rpc.exchange import Exchange
from unkey_api.rpc.observers.request_tracing import RequestTracing
from unkey_api.settings.opentelemetry import Sampling

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HALF, BELOW, ABOVE = Sampling(0.5, follows_callers=True), 2**63 - 1, 2**63
"""Low halves of trace ids at the bound of one half."""


def ids(*drawn: int) -> DrawnIds:
    """Return ids whose halves are drawn in this order, the low one first; the high one only where it is needed."""
    waiting = iter(drawn)
    return DrawnIds(lambda _: next(waiting))


def sampler(sampling: Sampling, *drawn: int, names: Sequence[str] = ("tracecontext", "baggage")) -> HeadSampler:
    return HeadSampler(sampling, load_propagators(names), ids(*drawn))


def parent(flags: str = "01", trace_id: str = TRACE, span_id: str = PARENT, version: str = "00") -> dict[bytes, bytes]:
    return {b"host": b"x", b"traceparent": f"{version}-{trace_id}-{span_id}-{flags}".encode()}


def parent_of(place: Context | None) -> trace.SpanContext:
    assert place is not None
    return trace.get_current_span(place).get_span_context()


class TestWithoutACallersTrace:
    def test_the_id_of_the_trace_decides(self) -> None:
        head = sampler(HALF, BELOW, 1, ABOVE)
        assert head.place({b"host": b"x"}) is not None
        assert head.place({b"host": b"x"}) is None

    @pytest.mark.parametrize(("share", "traced"), [(1.0, True), (0.0, False)])
    def test_all_and_none(self, share: float, traced: bool) -> None:  # noqa: FBT001 - a parameter of the test
        head = sampler(Sampling(share, follows_callers=True), 0, 2**64 - 1, 2**64 - 1, 0)
        assert [head.place({}) is not None for _ in range(2)] == [traced, traced]

    def test_the_span_gets_the_id_that_was_drawn_and_the_sdk_decides_the_same(self) -> None:
        drawn = ids(7, 1)
        head = HeadSampler(HALF, (), drawn)
        tracer = TracerProvider(sampler=head.sampler, id_generator=drawn, shutdown_on_exit=False).get_tracer("t")
        span = tracer.start_span("work", head.place({}))
        assert (span.get_span_context().trace_id, span.is_recording()) == (2**64 + 7, True)
        assert tracer.start_span("of nobody", Context()).get_span_context().trace_id != 2**64 + 7

    def test_of_many_requests_the_share_is_traced_and_every_span_recorded(self) -> None:
        drawn = DrawnIds(random.getrandbits)
        head = HeadSampler(Sampling(0.05, follows_callers=True), (), drawn)
        tracer = TracerProvider(sampler=head.sampler, id_generator=drawn, shutdown_on_exit=False).get_tracer("t")
        places = [place for _ in range(20_000) if (place := head.place({})) is not None]
        assert 700 < len(places) < 1_300  # ten standard deviations
        place = next(p for _ in range(10_000) if (p := head.place({})) is not None)
        assert tracer.start_span("work", place).is_recording()

    def test_what_runs_around_it_is_no_parent(self) -> None:
        around = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))
        with trace.use_span(around):
            assert not parent_of(sampler(HALF, BELOW, 1).place({})).is_valid


class TestWithACallersTrace:
    @pytest.mark.parametrize("flags", ["01", "03", "ff"])
    def test_a_sampled_one_is_followed(self, flags: str) -> None:
        found = parent_of(sampler(Sampling(0.0, follows_callers=True)).place(parent(flags)))
        assert (f"{found.trace_id:032x}", f"{found.span_id:016x}", found.is_remote) == (TRACE, PARENT, True)

    @pytest.mark.parametrize("flags", ["00", "02", "fe"])
    def test_one_that_is_not_sampled_is_not_traced_here_either(self, flags: str) -> None:
        assert sampler(Sampling(1.0, follows_callers=True)).place(parent(flags)) is None

    @pytest.mark.parametrize(
        "headers",
        [
            parent("00", trace_id="0" * 32),
            parent("00", span_id="0" * 16),
            parent("00", version="ff"),
            parent("00", trace_id=TRACE.upper()),
            parent("0"),
            {b"traceparent": b""},
            {b"traceparent": b"\xff" * 55},
            {b"traceparent": b"00-" + b"a" * 10_000},
            {b"tracestate": b"vendor=1", b"baggage": b"a=1"},
        ],
    )
    def test_what_is_no_trace_begins_a_new_one(self, headers: dict[bytes, bytes]) -> None:
        head = sampler(HALF, BELOW, 1, ABOVE)
        assert not parent_of(head.place(headers)).is_valid
        assert head.place(headers) is None

    def test_versions_to_come_are_understood_as_far_as_they_go(self) -> None:
        head = sampler(HALF)
        assert parent_of(head.place(parent("01-more", version="01"))).is_valid
        assert head.place(parent("00-more", version="01")) is None

    def test_with_a_sampler_that_asks_no_caller_the_share_holds_for_traces_of_callers_too(self) -> None:
        head = sampler(Sampling(0.5, follows_callers=False))
        assert parent_of(head.place(parent("00", trace_id=f"{BELOW:032x}"))).is_valid
        assert head.place(parent("01", trace_id=f"{ABOVE:032x}")) is None

    def test_another_form_says_otherwise_than_a_traceparent_without_the_flag(self) -> None:
        loaded = [*load_propagators(["tracecontext"]), _AlwaysSampled()]
        head = HeadSampler(HALF, loaded, ids())
        assert parent_of(head.place({**parent("00"), b"x-sampled": b"1"})).trace_id == 1
        assert parent_of(head.place({b"x-sampled": b"1"})).trace_id == 1

    def test_nobodys_trace_is_followed_without_propagators(self) -> None:
        head = sampler(HALF, BELOW, 1, names=())
        assert not parent_of(head.place(parent())).is_valid


def test_a_form_that_is_not_installed_is_named() -> None:
    with pytest.raises(UnknownPropagator, match="tracecontexts"):
        load_propagators(["tracecontext", "tracecontexts"])


class _AlwaysSampled(TextMapPropagator):
    """Understands one header, which means the same trace whatever is in it."""

    fields = {"X-Sampled"}  # noqa: RUF012 - the base class has a property

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        assert getter.get(carrier, "X-Sampled") == ["1"]
        sampled = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
        return trace.set_span_in_context(trace.NonRecordingSpan(sampled), context)

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        raise NotImplementedError


class _NoTracer(trace.NoOpTracer):
    """Makes nothing."""

    def start_span(self, *_: object, **__: object) -> trace.Span:
        raise AssertionError("a span was made")


class TestRequestsThatAreNotTraced:
    def exchange(self) -> Exchange:
        headers = [(name, value) for name, value in parent("00").items()]
        scope = {"method": "POST", "path": "/x", "headers": headers}
        return Exchange(scope, request_id="req_1", started_ms=1, started_at=0.0)

    def test_get_no_span(self) -> None:
        tracing = RequestTracing(_NoTracer(), sampler(HALF))
        exchange = self.exchange()
        tracing.begin(exchange)
        tracing.complete(exchange)
        assert exchange.span is None

    @pytest.mark.parametrize("around", [None, trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True))])
    def test_get_none_for_what_they_do_to_stores(self, around: trace.Span | None) -> None:
        spans = EndedSpans(_NoTracer(), FixedClock())
        told: list[str] = []

        def report() -> None:
            StatementSpans(spans).on_statement("find", "ro", "query", 0.1, None)
            CommandSpans(spans, next_observer=_Told(told.append)).on_command("GET", 0.1, None)

        if around is None:
            report()
        else:
            with trace.use_span(around):
                report()
        assert told == ["GET"]


class _Told:
    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def on_command(self, command: str, seconds: float, error: BaseException | None) -> None:
        self._tell(command)
