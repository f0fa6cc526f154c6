"""Handing spans to a collector: OTLP over HTTP, in JSON, to where the standard `OTEL_EXPORTER_OTLP_*` variables say."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp
import orjson
import structlog
from opentelemetry import trace

from unkey_api.infra.batching.batcher import Block, FlushReason
from unkey_api.infra.telemetry.recorded_spans import RecordedSpan
from unkey_api.settings.addresses.collector import Collector

FAILED_FROM = 300  # HTTP statuses
_KINDS = {
    trace.SpanKind.INTERNAL: 1,
    trace.SpanKind.SERVER: 2,
    trace.SpanKind.CLIENT: 3,
    trace.SpanKind.PRODUCER: 4,
    trace.SpanKind.CONSUMER: 5,
}

_log = structlog.get_logger(__name__)


OnLost = Callable[[str, int], None]
"""Told why, `refused` or `unreachable`, and how many spans were lost."""


class SpanExporter:
    """Sends batches of spans. The flush function of a `Batcher`. A batch that cannot be sent is lost, and counted."""

    def __init__(
        self, session: aiohttp.ClientSession, collector: Collector, resource: Mapping[str, str], on_lost: OnLost
    ) -> None:
        self._on_lost = on_lost
        self._session = session
        self._collector = collector
        self._resource = orjson.dumps({"attributes": _attributes(resource)})
        self._headers = {**collector.headers, "content-type": "application/json"}
        if collector.compressed:
            self._headers["content-encoding"] = "gzip"

    async def __call__(self, blocks: Sequence[Block], reason: FlushReason) -> None:
        """Send one batch of spans encoded by `encode_span`."""
        count = sum(block.rows for block in blocks)
        # One span per line, which JSON does not have inside: an array has commas there.
        spans = b"".join(block.data for block in blocks).rstrip(b"\n").replace(b"\n", b",")
        body = b'{"resourceSpans":[{"resource":%b,"scopeSpans":[{"scope":{"name":"unkey_api"},"spans":[%b]}]}]}' % (
            self._resource,
            spans,
        )
        if self._collector.compressed:
            body = gzip.compress(body, compresslevel=1)
        try:
            async with self._session.post(self._collector.url, data=body, headers=self._headers) as answer:
                if answer.status >= FAILED_FROM:
                    self._on_lost("refused", count)
                    _log.warning("spans were not exported", count=count, status=answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._on_lost("unreachable", count)
            _log.warning("spans were not exported", count=count, error=repr(error))


@asynccontextmanager
async def open_exporter(
    collector: Collector, resource: Mapping[str, str], *, on_lost: OnLost
) -> AsyncIterator[SpanExporter]:
    """Open the connection pool; connects with the first batch. The standard proxy variables are honoured."""
    trust = ssl.create_default_context(cafile=collector.certificate) if collector.certificate else True
    connector = aiohttp.TCPConnector(limit=1, ssl=trust)
    timeout = aiohttp.ClientTimeout(total=collector.seconds)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True) as session:
        yield SpanExporter(session, collector, resource, on_lost)


def encode_span(span: RecordedSpan) -> bytes:
    """Return the span as OTLP's JSON has it: ids in hexadecimal, 64-bit numbers as text."""
    place = span.place
    shown: dict[str, object] = {
        "traceId": f"{place.trace_id:032x}",
        "spanId": f"{place.span_id:016x}",
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(span.started_ns),
        "endTimeUnixNano": str(span.ended_ns),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        shown["parentSpanId"] = f"{span.parent_id:016x}"
    if span.error is not None:
        shown["status"] = {"code": 2, "message": span.error}
    return orjson.dumps(shown)


def _attributes(values: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"key": name, "value": _FORMS.get(type(value), _text)(value)} for name, value in values.items()]


def _text(value: object) -> dict[str, object]:
    return {"stringValue": str(value)}


_FORMS: Mapping[type, Callable[[object], dict[str, object]]] = {
    str: lambda value: {"stringValue": value},
    bool: lambda value: {"boolValue": value},
    int: lambda value: {"intValue": str(value)},
    float: lambda value: {"doubleValue": value},
}
