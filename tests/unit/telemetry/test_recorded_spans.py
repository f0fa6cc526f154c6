"""Spans of our own behind OpenTelemetry's API, and what a collector gets."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import orjson
import pytest
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.support.clock import FixedClock
from unkey_api.infra.batching.batcher import Block, FlushReason
from unkey_api.infra.telemetry.otlp import encode_span, open_exporter
from unkey_api.infra.telemetry.recorded_spans import RecordedSpan, RecordingTracer
from unkey_api.settings.addresses.collector import Collector, collector_of

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def ended() -> list[RecordedSpan]:
    return []


@pytest.fixture
def tracer(ended: list[RecordedSpan]) -> RecordingTracer:
    return RecordingTracer(ended.append, clock=FixedClock(), random_bytes=lambda size: bytes(range(1, size + 1)))


def below(flags: str) -> Any:  # a context
    return TraceContextTextMapPropagator().extract({"traceparent": f"00-{TRACE}-{PARENT}-{flags}"})


def test_first_span_of_a_trace_is_recorded_once(tracer: RecordingTracer, ended: list[RecordedSpan]) -> None:
    span = tracer.start_span("work", kind=trace.SpanKind.SERVER, attributes={"a": 1})
    assert span.is_recording()
    span.set_attribute("b", 2)
    span.end(5)
    span.end(6)
    assert not span.is_recording()
    [only] = ended
    assert (only.name, only.parent_id, only.attributes, only.ended_ns) == ("work", 0, {"a": 1, "b": 2}, 5)
    assert only.get_span_context().is_valid
    assert only.error is None


def test_span_joins_the_callers_trace_only_if_that_is_sampled(
    tracer: RecordingTracer, ended: list[RecordedSpan]
) -> None:
    for flags in ("00", "01"):
        tracer.start_span("work", below(flags)).end()
    [joined] = ended
    assert (f"{joined.place.trace_id:x}", f"{joined.parent_id:x}") == (TRACE.lstrip("0"), PARENT)


def test_block_that_fails_leaves_no_text_of_its_exception(tracer: RecordingTracer, ended: list[RecordedSpan]) -> None:
    def fail() -> None:
        with tracer.start_as_current_span("work") as span:
            tracer.start_span("child").end()
            span.record_exception(ValueError("secret"))
            raise ValueError("secret")

    with pytest.raises(ValueError, match="secret"):
        fail()
    child, work = ended
    assert child.parent_id == work.place.span_id
    assert work.attributes == {}


def never(reason: str, count: int) -> None:
    raise AssertionError(f"{count} spans lost: {reason}")


async def received(collector: dict[str, str], *spans: RecordedSpan) -> tuple[bytes, bytes]:
    """Export to a server and return the head and the body that came in."""
    got: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        got.set_result((head, await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        address = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        async with open_exporter(collector_of(address | collector), {"service.name": "api"}, on_lost=never) as export:
            await export([Block(1, encode_span(span) + b"\n") for span in spans], FlushReason.CLOSE)
        return await got


async def test_collector_gets_otlp_json(tracer: RecordingTracer, ended: list[RecordedSpan]) -> None:
    span = tracer.start_span(
        "work", below("01"), trace.SpanKind.CLIENT, {"n": 2**60, "s": "x", "t": True, "f": 0.5}, start_time=7
    )
    span.set_status(trace.StatusCode.ERROR, "StoreUnavailable")
    span.end(9)
    head, body = await received({"OTEL_EXPORTER_OTLP_HEADERS": "x-team=a%20b"}, *ended)
    assert head.startswith(b"POST /v1/traces HTTP/1.1")
    assert b"x-team: a b\r\n" in head
    [spans] = orjson.loads(body)["resourceSpans"]
    assert spans["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "api"}}]
    assert spans["scopeSpans"][0]["spans"] == [
        {
            "traceId": TRACE,
            "spanId": "0102030405060708",
            "parentSpanId": PARENT,
            "name": "work",
            "kind": 3,
            "startTimeUnixNano": "7",
            "endTimeUnixNano": "9",
            "attributes": [
                {"key": "n", "value": {"intValue": str(2**60)}},
                {"key": "s", "value": {"stringValue": "x"}},
                {"key": "t", "value": {"boolValue": True}},
                {"key": "f", "value": {"doubleValue": 0.5}},
            ],
            "status": {"code": 2, "message": "StoreUnavailable"},
        }
    ]


async def test_several_spans_come_as_one_array(tracer: RecordingTracer, ended: list[RecordedSpan]) -> None:
    for name in ("one\nline", "two"):
        tracer.start_span(name).end()
    _, body = await received({}, *ended)
    [spans] = orjson.loads(body)["resourceSpans"]
    assert [span["name"] for span in spans["scopeSpans"][0]["spans"]] == ["one\nline", "two"]


async def test_compressed_where_the_variable_says_so(tracer: RecordingTracer, ended: list[RecordedSpan]) -> None:
    tracer.start_span("work").end()
    head, body = await received({"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, *ended)
    assert b"content-encoding: gzip" in head.lower()
    assert orjson.loads(gzip.decompress(body))["resourceSpans"]


async def lost_by(url: str, spans: list[RecordedSpan]) -> list[tuple[str, int]]:
    """Send spans to a collector and return what was reported as lost."""
    lost: list[tuple[str, int]] = []

    def on_lost(reason: str, count: int) -> None:
        lost.append((reason, count))

    async with open_exporter(Collector(url=url), {}, on_lost=on_lost) as export:
        await export([Block(len(spans), b"".join(encode_span(span) + b"\n" for span in spans))], FlushReason.CLOSE)
    return lost


async def test_a_collector_that_is_away_fails_nobody(tracer: RecordingTracer, ended: list[RecordedSpan]) -> None:
    for _ in range(3):
        tracer.start_span("work").end()
    assert await lost_by("http://127.0.0.1:1/v1/traces", ended) == [("unreachable", 3)]


async def test_spans_a_collector_refuses_are_counted(tracer: RecordingTracer, ended: list[RecordedSpan]) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    for _ in range(2):
        tracer.start_span("work").end()
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await lost_by(f"http://127.0.0.1:{port}/", ended) == [("refused", 2)]
