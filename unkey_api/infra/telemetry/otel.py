"""Switching OpenTelemetry on: spans go to the collector that the standard `OTEL_EXPORTER_OTLP_*` variables name."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from opentelemetry import trace

from unkey_api.core.errors import ServiceUnavailable

EXPORT_EVERY_MS = 15_000
BATCH_SIZE = 512


class TracingUnavailable(ServiceUnavailable):
    """Tracing was asked for and its packages are not installed."""


@asynccontextmanager
async def open_tracing(resource: Mapping[str, str], *, grace_seconds: float) -> AsyncIterator[trace.Tracer]:
    """Yield a tracer that records what it is asked to and follows callers that sample; flush at the end.

    A collector that does not take the last spans within `grace_seconds` does not get them.

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
        await _called_within(grace_seconds, provider.shutdown)


async def _called_within(seconds: float, call: Callable[[], None]) -> None:
    """Call in a thread that nobody waits for longer than this, not even the end of the process.

    The threads of an executor would be waited for, and flushing to a collector that is silent takes half a minute.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        call()
        with contextlib.suppress(RuntimeError):  # nobody waits any more and the loop is closed
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="tracing.close", daemon=True).start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await done.wait()
