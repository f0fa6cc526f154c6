"""Spans by the SDK on their way to a collector, and the ways in which they do not arrive."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from structlog.testing import capture_logs

from tests.support.certificates import self_signed
from tests.support.collector import Answer, Collector, attributes_of, collecting
from tests.support.waiting import eventually
from unkey_api.infra.telemetry.tracing import Tracing, open_tracing
from unkey_api.settings.opentelemetry import opentelemetry_of
from unkey_api.settings.sections import TracingSettings

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
AT_ONCE = {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"}
"""Every span is a batch of its own."""
SHORT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1000"}


class Losses:
    """What was told about batches."""

    def __init__(self) -> None:
        self.batches: Counter[str] = Counter()
        self.spans: Counter[str] = Counter()

    def on_batch(self, outcome: str, lost: int) -> None:
        self.batches[str(outcome)] += 1
        if lost:
            self.spans["refused" if outcome == "taken" else str(outcome)] += lost


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture
def losses() -> Losses:
    return Losses()


def tracing(
    url: str, losses: Losses, environ: dict[str, str] | None = None, *, grace_seconds: float = 30.0
) -> AbstractAsyncContextManager[Tracing]:
    """Trace everything and send it to `url`."""
    read = opentelemetry_of(TracingSettings(sample_rate=1.0), {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **(environ or {})})
    assert read is not None
    resource = {"service.name": "api", "cloud.region": "eu"}
    return open_tracing(
        read, resource, version="1.2", on_batch=losses.on_batch, bits=random.getrandbits, grace_seconds=grace_seconds
    )


def spans(opened: Tracing, count: int) -> None:
    for number in range(count):
        opened.tracer.start_span(f"work {number}").end()


class TestArriving:
    async def test_a_span_arrives_as_it_was_made(self, collector: Collector, losses: Losses) -> None:
        async with tracing(collector.url, losses, {"OTEL_EXPORTER_OTLP_HEADERS": "x-team=a%20b"}) as opened:
            parent = f"00-{TRACE}-{PARENT}-01".encode()
            place = opened.sampler.place({b"traceparent": parent, b"tracestate": b"vendor=1"})
            attributes: dict[str, int | str | bool] = {"n": 2**60, "s": "x", "t": True}
            span = opened.tracer.start_span("work", place, trace.SpanKind.CLIENT, attributes, start_time=7)
            span.set_status(trace.StatusCode.ERROR, "StoreUnavailable")
            span.end(9)
        [batch] = collector.batches
        assert (batch.path, batch.headers["x-team"]) == ("/v1/traces", "a b")
        [came] = batch.spans
        assert (came.trace_id.hex(), came.parent_span_id.hex(), came.trace_state) == (TRACE, PARENT, "vendor=1")
        assert (came.name, came.kind) == ("work", Span.SPAN_KIND_CLIENT)
        assert (came.start_time_unix_nano, came.end_time_unix_nano) == (7, 9)
        assert attributes_of(came.attributes) == attributes
        assert (came.status.code, came.status.message) == (Status.STATUS_CODE_ERROR, "StoreUnavailable")
        scope = batch.sent.resource_spans[0].scope_spans[0].scope
        assert (scope.name, scope.version) == ("unkey_api", "1.2")
        assert losses.batches == {"taken": 1}
        assert not losses.spans

    async def test_compressed_where_the_variable_says_so(self, collector: Collector, losses: Losses) -> None:
        async with tracing(collector.url, losses, {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}) as opened:
            spans(opened, 3)
        [batch] = collector.batches
        assert batch.headers["content-encoding"] == "gzip"
        assert [span.name for span in batch.spans] == ["work 0", "work 1", "work 2"]

    async def test_an_address_for_traces_is_used_as_it_is(self, collector: Collector, losses: Losses) -> None:
        own = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/custom?tenant=1"}
        async with tracing("http://127.0.0.1:1", losses, own) as opened:
            spans(opened, 1)
        assert [batch.path for batch in collector.batches] == ["/custom?tenant=1"]

    async def test_a_batch_is_as_large_as_the_variable_says(self, collector: Collector, losses: Losses) -> None:
        async with tracing(collector.url, losses, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2"}) as opened:
            spans(opened, 5)
        assert max(len(batch.spans) for batch in collector.batches) == 2
        assert len(collector.spans) == 5

    async def test_a_span_is_sent_after_the_delay(self, collector: Collector, losses: Losses) -> None:
        async with tracing(collector.url, losses, {"OTEL_BSP_SCHEDULE_DELAY": "10"}) as opened:
            spans(opened, 1)
            await eventually(lambda: len(collector.spans) == 1)

    async def test_the_process_is_described_by_us_where_no_variable_does(
        self, collector: Collector, losses: Losses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", "keys")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=lost,cloud.region=us%2C%20west,team=a")
        async with tracing(collector.url, losses) as opened:
            spans(opened, 1)
        resource = collector.batches[0].resource
        assert resource["service.name"] == "keys"
        assert (resource["cloud.region"], resource["team"]) == ("us, west", "a")
        assert resource["telemetry.sdk.name"] == "opentelemetry"

    async def test_a_login_kept_for_other_programs_replaces_no_header(
        self, collector: Collector, losses: Losses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password else\n")
        monkeypatch.setenv("NETRC", str(netrc))
        headers = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20ours"}
        async with tracing(collector.url, losses, headers) as opened:
            spans(opened, 1)
        assert collector.batches[0].headers["authorization"] == "Basic ours"


def pair(folder: Path) -> tuple[Path, Path]:
    """Make a certificate and its key in a folder of their own."""
    folder.mkdir()
    return self_signed(folder)


class TestEncrypted:
    async def test_the_named_authorities_and_no_others_are_trusted(
        self, losses: Losses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate, other = pair(tmp_path / "ours"), pair(tmp_path / "others")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
        with collecting(tls) as collector:
            # A variable of the HTTP client's, which wins over its own arguments.
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other[0]))
            ours = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate[0])}
            async with tracing(collector.url, losses, ours) as opened:
                spans(opened, 1)
            assert losses.batches == {"taken": 1}
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
            async with tracing(collector.url, losses, SHORT) as opened:
                spans(opened, 1)
        assert losses.spans == {"unreachable": 1}

    async def test_the_certificate_to_show(self, losses: Losses, tmp_path: Path) -> None:
        server, client = pair(tmp_path / "server"), pair(tmp_path / "client")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*server)
        tls.load_verify_locations(client[0])
        tls.verify_mode = ssl.CERT_REQUIRED
        shown = {
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(server[0]),
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(client[0]),
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(client[1]),
        }
        with collecting(tls) as collector:
            async with tracing(collector.url, losses, shown) as opened:
                spans(opened, 1)
            assert len(collector.spans) == 1


class TestLosing:
    async def test_a_collector_that_is_away(self, losses: Losses) -> None:
        with capture_logs() as lines:
            async with tracing("http://127.0.0.1:1", losses, SHORT) as opened:
                spans(opened, 3)
        assert (losses.batches, losses.spans) == ({"unreachable": 1}, {"unreachable": 3})
        [line] = [each for each in lines if each["event"] == "spans are lost"]
        assert (line["count"], line["error"]) == (3, "ConnectionError")

    async def test_a_batch_that_is_refused_is_sent_once(self, collector: Collector, losses: Losses) -> None:
        collector.answer = lambda: Answer(status=400)
        async with tracing(collector.url, losses) as opened:
            spans(opened, 2)
        assert (losses.batches, losses.spans) == ({"refused": 1}, {"refused": 2})
        assert len(collector.batches) == 1

    async def test_a_busy_collector_is_asked_again_and_not_stormed(self, collector: Collector, losses: Losses) -> None:
        answers = iter([503, 429])
        collector.answer = lambda: Answer(status=next(answers, 200), headers={"retry-after": "0"})
        async with tracing(collector.url, losses) as opened:
            spans(opened, 2)
        assert losses.batches == {"taken": 1}
        assert not losses.spans
        collector.batches.clear()
        collector.answer = lambda: Answer(status=503, headers={"retry-after": "0"})
        async with tracing(collector.url, losses) as opened:
            spans(opened, 2)
        assert losses.spans == {"refused": 2}
        assert len(collector.batches) <= 6

    async def test_one_that_says_when_to_come_again_is_not_waited_for_beyond_the_time_of_a_batch(
        self, collector: Collector, losses: Losses
    ) -> None:
        collector.answer = lambda: Answer(status=503, headers={"retry-after": "86400"})
        async with tracing(collector.url, losses) as opened:
            spans(opened, 2)
        assert (len(collector.batches), losses.spans) == (1, {"refused": 2})

    async def test_spans_left_out_of_a_batch_that_was_taken(self, collector: Collector, losses: Losses) -> None:
        collector.answer = lambda: Answer(rejected=2)
        async with tracing(collector.url, losses) as opened:
            spans(opened, 3)
        assert (losses.batches, losses.spans) == ({"taken": 1}, {"refused": 2})

    async def test_a_redirect_is_not_followed(self, collector: Collector, losses: Losses) -> None:
        collector.answer = lambda: Answer(status=307, headers={"location": f"{collector.url}/elsewhere"})
        async with tracing(collector.url, losses) as opened:
            spans(opened, 1)
        assert (losses.batches, len(collector.batches)) == ({"refused": 1}, 1)

    async def test_an_endless_answer_is_not_read_to_its_end(self, losses: Losses) -> None:
        """Whatever listens there by mistake must not fill our memory."""
        sent = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
            try:
                while True:
                    writer.write(b"x" * 65_536)
                    await writer.drain()
                    sent += 65_536
            except OSError:
                writer.close()

        async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
            async with tracing(address_of(server), losses) as opened:
                spans(opened, 1)
            assert losses.batches == {"taken": 1}
            assert sent < 100 * 65_536

    async def test_a_full_buffer_drops_the_newest_and_keeps_nobody_waiting(
        self, collector: Collector, losses: Losses
    ) -> None:
        goes_on = threading.Event()

        def later() -> Answer:
            goes_on.wait(30)
            return Answer()

        collector.answer = later
        async with tracing(collector.url, losses, AT_ONCE | {"OTEL_BSP_MAX_QUEUE_SIZE": "4"}) as opened:
            spans(opened, 1)
            await eventually(lambda: len(collector.batches) == 1)  # under way, so it waits no more
            spans(opened, 10)
            buffer = opened.buffer
            assert (buffer.accepted, buffer.dropped, len(buffer)) == (5, 6, 4)
            goes_on.set()
        assert [span.name for span in collector.spans] == ["work 0", *(f"work {n}" for n in range(4))]

    async def test_one_log_line_when_it_begins_and_one_when_it_is_over(
        self, collector: Collector, losses: Losses
    ) -> None:
        answers = iter([400, 400, 400])
        collector.answer = lambda: Answer(status=next(answers, 200))
        with capture_logs() as lines:
            async with tracing(collector.url, losses, AT_ONCE) as opened:
                spans(opened, 5)
        assert [line["event"] for line in lines] == ["spans are lost", "spans are taken again"]
        assert losses.batches == {"refused": 3, "taken": 2}


def address_of(server: asyncio.Server) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class TestClosing:
    async def test_what_waits_is_sent(self, collector: Collector, losses: Losses) -> None:
        async with tracing(collector.url, losses) as opened:
            spans(opened, 1_000)
        assert len(collector.spans) == 1_000

    async def test_what_arrived_before_is_not_counted_among_what_was_given_up(
        self, collector: Collector, losses: Losses
    ) -> None:
        ends = threading.Event()

        def second_waits() -> Answer:
            if len(collector.batches) > 1:
                ends.wait(30)
            return Answer()

        collector.answer = second_waits
        with capture_logs() as lines:
            async with tracing(collector.url, losses, AT_ONCE, grace_seconds=0.05) as opened:
                spans(opened, 1)
                await eventually(lambda: losses.batches["taken"] == 1)
                spans(opened, 4)
        ends.set()
        [line] = [each for each in lines if each["event"] == "spans were not exported in time"]
        assert line["count"] == 4

    async def test_a_silent_collector_is_waited_for_no_longer_than_there_is_time(self, losses: Losses) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent, capture_logs() as lines:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            async with tracing(url, losses, AT_ONCE | SHORT, grace_seconds=0.05) as opened:
                spans(opened, 5)
            [line] = [each for each in lines if each["event"] == "spans were not exported in time"]
            assert line["count"] == 5
            spans(opened, 1)
            assert opened.buffer.refused == 1
            # The batch under way ends with its time; nobody tries those behind it.
            await eventually(lambda: losses.batches.total() == 5)
        assert losses.spans == {"closed": 5}
