"""What is told about the work of a worker: metrics always, traces where they are configured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

from opentelemetry import trace

from unkey_api.container.closing import graces
from unkey_api.container.runtime import Runtime
from unkey_api.infra.mysql import StatementObserver
from unkey_api.infra.redis.client import CommandObserver
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.infra.telemetry.otel import open_tracing
from unkey_api.infra.telemetry.spans import CommandSpans, EndedSpans, StatementObservers, StatementSpans
from unkey_api.settings.sections import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What is told about the work of a worker."""

    metrics: Metrics
    statements: StatementObserver
    commands: CommandObserver | None
    tracer: trace.Tracer | None
    """None while tracing is off."""


@asynccontextmanager
async def open_telemetry(settings: Settings, runtime: Runtime) -> AsyncIterator[Telemetry]:
    """Make metrics, and traces where they are configured; spans are flushed at the end."""
    metrics = Metrics(version=version("unkey-api"))
    tracing = settings.observability.tracing
    if runtime.tracer is not None:
        yield _telemetry(runtime, metrics, runtime.tracer)
    elif tracing is None:
        yield _telemetry(runtime, metrics, None)
    else:
        resource = {
            "service.namespace": "unkey",
            "service.name": "api",
            "service.version": version("unkey-api"),
            "service.instance.id": settings.instance_id,
            "cloud.region": settings.region,
        }
        async with open_tracing(resource, grace_seconds=graces(settings.shutdown_timeout).spans) as tracer:
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
