"""What the outside world is, as far as it can be swapped in a test: time, chance and where reports go.

Of the work of a worker metrics are told always, traces where they are configured.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING

from unkey_api.container.part_settings import shutdown_budget
from unkey_api.core.clock import Clock, SystemClock
from unkey_api.core.ids import IdSource, RandomIds
from unkey_api.core.keymaterial import RandomBytes
from unkey_api.infra.mysql import StatementObserver
from unkey_api.infra.redis.client import CommandObserver
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.infra.telemetry.spans import CommandSpans, EndedSpans, StatementObservers, StatementSpans
from unkey_api.settings.opentelemetry import opentelemetry_of
from unkey_api.settings.sections import Settings

if TYPE_CHECKING:
    from unkey_api.infra.telemetry.tracing import Tracing


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311 - spreads load, keeps no secret


class Observing(StrEnum):
    """What is told about requests."""

    EVERYTHING = "everything"
    EVENTS = "events"
    """Rows for ClickHouse only."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Sources of everything that differs from run to run."""

    clock: Clock = field(default_factory=SystemClock)
    ids: IdSource = field(default_factory=RandomIds)
    random_bytes: RandomBytes = secrets.token_bytes
    jitter: Callable[[], float] = _jitter
    """Draws a number between -1 and 1."""
    worker: int = 0
    """Which worker of its host this process is; the first looks after what a host has only one of."""
    chance: Callable[[], float] = random.random
    """Draws a number from 0 to 1, for samples."""
    bits: Callable[[int], int] = random.getrandbits
    """Draws a number of so many bits, for the ids of traces, which need not be secret."""
    statements: StatementObserver | None = None
    """Told about every SQL statement, besides metrics and traces."""
    commands: CommandObserver | None = None
    """Told about every Redis command, besides traces."""
    observing: Observing = Observing.EVERYTHING
    """Less than everything is for measuring what the rest costs."""


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
    grace = shutdown_budget(settings.shutdown_timeout).spans
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
