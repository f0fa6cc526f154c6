"""Switching OpenTelemetry on: spans go to the collector that the standard `OTEL_EXPORTER_OTLP_*` variables name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from opentelemetry import trace

from unkey_api.core.errors import ServiceUnavailable

EXPORT_EVERY_MS = 15_000
BATCH_SIZE = 512


class TracingUnavailable(ServiceUnavailable):
    """Tracing was asked for and its packages are not installed."""


@asynccontextmanager
async def open_tracing(resource: Mapping[str, str]) -> AsyncIterator[trace.Tracer]:
    """Yield a tracer that records what it is asked to and follows callers that sample; flush at the end.

    Raises:
        TracingUnavailable: The packages of the `otel` extra are missing.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased  # noqa: PLC0415 - the same
    except ImportError as err:
        message = "tracing is configured, but its packages are missing: install `unkey-api[otel]`"
        raise TracingUnavailable(message) from err
    provider = TracerProvider(
        sampler=ParentBased(ALWAYS_ON),  # new traces are drawn for before they get here
        resource=Resource.create(dict(resource)),
    )
    exporter = OTLPSpanExporter()
    provider.add_span_processor(
        BatchSpanProcessor(exporter, schedule_delay_millis=EXPORT_EVERY_MS, max_export_batch_size=BATCH_SIZE)
    )
    try:
        yield provider.get_tracer("unkey_api")
    finally:
        await asyncio.to_thread(provider.shutdown)
