"""Traces: one span per request below the caller's, and below it one per statement and Redis command."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.asgi import Client
from tests.support.clock import FixedClock
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


async def test_request_span_continues_the_callers_trace_and_owns_the_spans_of_stores(
    api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer
) -> None:
    caller = await api.admin()
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    toml = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
    runtime = Runtime(clock=FixedClock(), tracer=provider.get_tracer("test"))
    async with open_application(load_settings(toml, {}), runtime) as served:
        client = Client(served.app)
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {caller.root_key}",
            "traceparent": f"00-{TRACE}-{PARENT}-01",
        }
        body = {"namespace": "traced", "identifier": "someone-secret", "limit": 1, "duration": 1000}
        await client.post("/v2/ratelimit.limit", body, headers=headers)
        await client.post("/v2/no.such", {}, headers={"content-type": "application/json"})
    spans = exporter.get_finished_spans()
    request = next(s for s in spans if s.name == "/v2/ratelimit.limit")
    assert context(request) == (TRACE, PARENT)
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    assert str(request.attributes["unkey.request_id"]).startswith("req_")
    children = [s for s in spans if s.parent and request.context and s.parent.span_id == request.context.span_id]
    names = {s.name for s in children}
    assert any(n.startswith("mysql ") for n in names)
    assert any(n.startswith("redis ") for n in names)
    assert [s for s in spans if s.name == "(unmatched)"]
    everything = " ".join(f"{s.name} {dict(s.attributes or {})}" for s in spans)
    assert caller.root_key not in everything
    assert "someone-secret" not in everything


def context(span: ReadableSpan) -> tuple[str, str]:
    """Return trace id and parent id as hexadecimal text."""
    assert span.context is not None
    assert span.parent is not None
    return f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}"
