"""What is told about the work of a worker: metrics always, traces where they are configured."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from unkey_api.container.closing import graces
from unkey_api.container.runtime import Runtime
from unkey_api.infra.mysql import StatementObserver
from unkey_api.infra.redis.client import CommandObserver
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.infra.telemetry.spans import CommandSpans, EndedSpans, StatementObservers, StatementSpans
from unkey_api.settings.opentelemetry import opentelemetry_of
from unkey_api.settings.sections import Settings

if TYPE_CHECKING:
    from unkey_api.infra.telemetry.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What is told about the work of a worker."""

    metrics: Metrics
    statements: StatementObserver
    commands: CommandObserver | None
    tracing: Tracing | None
    """None while tracing is off."""


@asynccontextmanager
async def open_telemetry(settings: Settings, runtime: Runtime) -> AsyncIterator[Telemetry]:
    """Make metrics, and traces where they are configured; spans are sent at the end.

    Raises:
        OpenTelemetryError: A variable of OpenTelemetry cannot be used.
        UnknownPropagator: What one of them names is not installed.
    """
    metrics = Metrics(version=version("unkey-api"))
    traced = opentelemetry_of(settings.observability.tracing, os.environ)
    if traced is None:
        yield _telemetry(runtime, metrics, None)
        return
    from unkey_api.infra.telemetry.tracing import open_tracing  # noqa: PLC0415 - others do not load the SDK

    resource = {
        "service.namespace": "unkey",
        "service.name": "api",
        "service.version": version("unkey-api"),
        "service.instance.id": settings.instance_id,
        "cloud.region": settings.region,
    }
    grace = graces(settings.shutdown_timeout).spans
    opening = open_tracing(
        traced,
        resource,
        version=version("unkey-api"),
        bits=runtime.bits,
        on_batch=metrics.spans.on_batch,
        grace_seconds=grace,
    )
    async with opening as tracing:
        buffer = tracing.buffer
        metrics.buffers.watch("spans", buffer, capacity=buffer.capacity, accepted=lambda: buffer.accepted)
        yield _telemetry(runtime, metrics, tracing)


def _telemetry(runtime: Runtime, metrics: Metrics, tracing: Tracing | None) -> Telemetry:
    observers: list[StatementObserver] = [metrics.database]
    if runtime.statements is not None:
        observers.append(runtime.statements)
    commands = runtime.commands
    if tracing is not None:
        spans = EndedSpans(tracing.tracer, runtime.clock)
        observers.append(StatementSpans(spans))
        commands = CommandSpans(spans, next_observer=commands)
    return Telemetry(metrics=metrics, statements=StatementObservers(observers), commands=commands, tracing=tracing)
