"""Traces by the OpenTelemetry SDK. Imported only where something is traced: nobody else has to load the SDK."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider

from unkey_api.infra.telemetry.exporting import CollectorExporter, OnBatch, SpanBuffer
from unkey_api.infra.telemetry.sampling import DrawnIds, HeadSampler, load_propagators
from unkey_api.settings.opentelemetry import OpenTelemetry

SCOPE = "unkey_api"

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tracing:
    """What makes spans."""

    tracer: trace.Tracer
    sampler: HeadSampler
    """Says which requests get any."""
    buffer: SpanBuffer
    """Where they wait."""


@asynccontextmanager
async def open_tracing(
    settings: OpenTelemetry,
    resource: Mapping[str, str],
    *,
    version: str,
    bits: Callable[[int], int],
    on_batch: OnBatch,
    grace_seconds: float,
) -> AsyncIterator[Tracing]:
    """Start the exporter's thread. Leaving sends what waits, for `grace_seconds` at most.

    Args:
        settings: What to trace and where spans go.
        resource: Attributes of this process; `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` win over them.
        version: Of the code that makes the spans.
        bits: Draws a random number of so many bits.
        on_batch: Told how batches end.
        grace_seconds: Time for the last batches.

    Raises:
        UnknownPropagator: A form of trace context is not installed.
    """
    ids = DrawnIds(bits)
    sampler = HeadSampler(settings.sampling, load_propagators(settings.propagators), ids)
    buffer = SpanBuffer(CollectorExporter(settings, on_batch), settings)
    provider = TracerProvider(
        sampler=sampler.sampler,
        resource=Resource.create(dict(resource)).merge(OTELResourceDetector().detect()),
        shutdown_on_exit=False,
        id_generator=ids,
    )
    provider.add_span_processor(buffer)
    try:
        yield Tracing(provider.get_tracer(SCOPE, version), sampler, buffer)
    finally:
        await _close(buffer, grace_seconds)


async def _close(buffer: SpanBuffer, grace_seconds: float) -> None:
    """Send what waits. Left alone, the SDK waits for a silent collector for half a minute."""
    loop = asyncio.get_running_loop()
    sent = asyncio.Event()

    def shut_down() -> None:
        buffer.shutdown()
        with suppress(RuntimeError):  # the loop did not wait so long
            loop.call_soon_threadsafe(sent.set)

    # A thread that ends with the process, unlike those of an executor, which the interpreter waits for.
    threading.Thread(target=shut_down, name="last spans", daemon=True).start()
    try:
        async with asyncio.timeout(grace_seconds):
            await sent.wait()
    except TimeoutError:
        _log.warning("spans were not exported in time", count=buffer.give_up())
