"""Traces: one span per request below the caller's, and below it one per statement and Redis command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.asgi import Client
from tests.support.clock import FixedClock
from tests.support.collector import Collector, attributes_of, collecting
from tests.support.harness import Harness, configuration
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.infra.mysql import Dsn
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
JSON = {"content-type": "application/json"}
TRACING_ON = "\n[observability.tracing]\n"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        yield running


@asynccontextmanager
async def serving(dsn: Dsn, redis_url: str, *, tracing: str) -> AsyncIterator[Client]:
    """Serve in this process; leaving it sends the spans."""
    settings = load_settings(configuration(dsn, redis_url) + TRACING_ON + tracing, {})
    async with open_application(settings, Runtime(clock=FixedClock())) as served:
        yield Client(served.app)


async def test_request_span_continues_the_callers_trace_and_owns_the_spans_of_stores(
    api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer, collector: Collector
) -> None:
    caller = await api.admin()
    dsn = mysql_server.tcp_dsn(mysql_dsn.database)
    async with serving(dsn, redis_server.url, tracing="sample_rate = 1.0") as client:
        headers = {**JSON, "authorization": f"Bearer {caller.root_key}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
        body = {"namespace": "traced", "identifier": "someone-secret", "limit": 1, "duration": 1000}
        await client.post("/v2/ratelimit.limit", body, headers=headers)
        await client.post("/v2/no.such", {}, headers=JSON)
    spans = collector.spans
    request = next(s for s in spans if s.name == "/v2/ratelimit.limit")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert request.kind == Span.SPAN_KIND_SERVER
    told = attributes_of(request.attributes)
    assert (told["http.request.method"], told["http.route"]) == ("POST", "/v2/ratelimit.limit")
    assert told["http.response.status_code"] == 200
    assert str(told["unkey.request_id"]).startswith("req_")
    children = [s for s in spans if s.parent_span_id == request.span_id]
    assert {s.trace_id for s in children} == {request.trace_id}
    assert {s.kind for s in children} == {Span.SPAN_KIND_CLIENT}
    names = {s.name for s in children}
    assert any(n.startswith("mysql ") for n in names)
    assert any(n.startswith("redis ") for n in names)
    systems = {attributes_of(s.attributes)["db.system.name"] for s in children}
    assert systems == {"mysql", "redis"}
    [unmatched] = [s for s in spans if s.name == "(unmatched)"]
    assert unmatched.trace_id != request.trace_id
    assert unmatched.status.code == Status.STATUS_CODE_UNSET
    everything = str([batch.sent for batch in collector.batches])
    assert caller.root_key not in everything
    assert "someone-secret" not in everything
    assert collector.batches[0].resource["service.name"] == "api"


async def test_a_caller_decides_for_its_own_trace(
    mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer, collector: Collector
) -> None:
    dsn = mysql_server.tcp_dsn(mysql_dsn.database)
    async with serving(dsn, redis_server.url, tracing="sample_rate = 1.0") as client:
        for flags in ("00", "01", "00"):
            await client.post("/v2/no.such", {}, headers={**JSON, "traceparent": f"00-{TRACE}-{PARENT}-{flags}"})
    assert [span.parent_span_id.hex() for span in collector.spans] == [PARENT]


@pytest.mark.parametrize(
    "case",
    [
        ({}, False),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, True),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, True),
        ({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
    ids=str,
)
async def test_a_variable_wins_over_the_setting(
    mysql_server: MysqlServer,
    mysql_dsn: Dsn,
    redis_server: RedisServer,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[dict[str, str], bool],
) -> None:
    environ, traced = case
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    dsn = mysql_server.tcp_dsn(mysql_dsn.database)
    async with serving(dsn, redis_server.url, tracing="sample_rate = 0") as client:
        await client.post("/v2/no.such", {}, headers=JSON)
    assert bool(collector.spans) == traced


async def test_losses_appear_in_the_metrics(
    mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
    dsn = mysql_server.tcp_dsn(mysql_dsn.database)
    settings = load_settings(configuration(dsn, redis_server.url) + TRACING_ON + "sample_rate = 1.0", {})
    async with open_application(settings, Runtime(clock=FixedClock())) as served:
        await Client(served.app).post("/v2/no.such", {}, headers=JSON)
    page = served.metrics().decode()
    assert 'unkey_buffer_state_total{name="spans",state="buffered"} 1.0' in page
    assert 'unkey_span_batches_total{outcome="unreachable"} 1.0' in page
    assert 'unkey_spans_lost_total{reason="unreachable"} 1.0' in page
