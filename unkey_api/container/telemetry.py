"""What is told about the work of a worker: metrics always, traces where they are configured."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version

from opentelemetry import trace

from unkey_api.container.closing import graces
from unkey_api.container.lifecycle import encoded_buffer
from unkey_api.container.runtime import Runtime
from unkey_api.infra.batching.batcher import BatchPolicy
from unkey_api.infra.mysql import StatementObserver
from unkey_api.infra.redis.client import CommandObserver
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.infra.telemetry.otlp import encode_span, open_exporter
from unkey_api.infra.telemetry.recorded_spans import RecordingTracer
from unkey_api.infra.telemetry.spans import CommandSpans, EndedSpans, StatementObservers, StatementSpans
from unkey_api.settings.addresses.collector import collector_of
from unkey_api.settings.sections import Settings

SPANS = BatchPolicy(batch_size=256, capacity=4_096, flush_every=timedelta(seconds=5), consumers=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What is told about the work of a worker."""

    metrics: Metrics
    statements: StatementObserver
    commands: CommandObserver | None
    tracer: trace.Tracer | None
    """None while tracing is off."""


@asynccontextmanager
async def open_telemetry(settings: Settings, runtime: Runtime, *, failed: asyncio.Event) -> AsyncIterator[Telemetry]:
    """Make metrics, and traces where they are configured; spans are sent at the end."""
    metrics = Metrics(version=version("unkey-api"))
    if runtime.tracer is not None or settings.observability.tracing is None:
        yield _telemetry(runtime, metrics, runtime.tracer)
        return
    resource = {
        "service.namespace": "unkey",
        "service.name": "api",
        "service.version": version("unkey-api"),
        "service.instance.id": settings.instance_id,
        "cloud.region": settings.region,
    }
    grace_seconds = graces(settings.shutdown_timeout).spans
    async with open_exporter(collector_of(os.environ), resource, on_lost=metrics.spans.on_lost) as export:
        ended, sending = encoded_buffer(
            "spans",
            encode_span,
            export,
            policy=SPANS,
            metrics=metrics,
            failed=failed,
            grace_seconds=grace_seconds,
        )
        async with sending:
            tracer = RecordingTracer(ended.add, clock=runtime.clock, random_bytes=runtime.random_bytes)
            yield _telemetry(runtime, metrics, tracer)


def _telemetry(runtime: Runtime, metrics: Metrics, tracer: trace.Tracer | None) -> Telemetry:
    observers: list[StatementObserver] = [metrics.database]
    if runtime.statements is not None:
        observers.append(runtime.statements)
    commands = runtime.commands
    if tracer is not None:
        spans = EndedSpans(tracer, runtime.clock)
        observers.append(StatementSpans(spans))
        commands = CommandSpans(spans, next_observer=commands)
    return Telemetry(metrics=metrics, statements=StatementObservers(observers), commands=commands, tracer=tracer)
