"""Everything together: an application ready to serve, or to be called in process by a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files

from unkey_api.app import Application, Platform
from unkey_api.auth.chain import AuthenticationChain
from unkey_api.auth.guessing import FailureBuckets, Tarpit
from unkey_api.container.caches import open_bus
from unkey_api.container.operations import Operations, open_operations
from unkey_api.container.runtime import Observing, Runtime, open_telemetry
from unkey_api.container.stores import open_stores
from unkey_api.infra.telemetry.logging import dropped_lines
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.openapi_document import document_files
from unkey_api.profiling import Profiles
from unkey_api.rpc.bodies.budget import BodyLimits
from unkey_api.rpc.documents import Documents
from unkey_api.rpc.edge import Observer
from unkey_api.rpc.exchange import Exchange
from unkey_api.rpc.health import Details, Health
from unkey_api.rpc.interceptors.credentials import Authenticator
from unkey_api.rpc.interceptors.guessing import GuardedAuthenticator
from unkey_api.rpc.observers.reports import RequestLog, RequestMetrics, RequestRows, report_panic
from unkey_api.rpc.observers.request_tracing import RequestTracing
from unkey_api.rpc.pprof import Pprof
from unkey_api.server.worker import Served
from unkey_api.settings.sections import Settings


@asynccontextmanager
async def open_application(settings: Settings, runtime: Runtime) -> AsyncIterator[Served]:
    """Open the service. Raises `StoreUnavailable` when MySQL does not answer; other stores may be away."""
    failed = asyncio.Event()
    details: Details = {}
    async with (
        open_telemetry(settings, runtime) as telemetry,
        open_stores(settings, runtime, telemetry, failed=failed) as stores,
        open_bus(settings, runtime, telemetry.metrics, details, failed=failed) as bus,
        open_operations(settings, runtime, stores, telemetry.metrics, bus, failed=failed) as operations,
    ):
        health = Health(details=details)
        request_metrics = RequestMetrics(telemetry.metrics.http)
        traced = telemetry.tracing
        tracing = None if traced is None else RequestTracing(traced.tracer, traced.sampler)
        request_log = _request_log(settings, runtime)
        telemetry.metrics.logs.watch(dropped=dropped_lines, skipped=request_log.skipped)
        # The first to be listed hears last of the end, and rows cut what the others measure.
        observers: list[Observer] = [
            *([] if stores.requests is None else [RequestRows(stores.requests)]),
            *([tracing] if tracing is not None else []),
            request_metrics,
            request_log,
        ]
        if runtime.observing is not Observing.EVERYTHING:
            observers = [o for o in observers if runtime.observing is Observing.EVENTS and isinstance(o, RequestRows)]
        failures = _FailureHooks(telemetry.metrics, request_metrics)
        platform = _platform(settings, runtime, operations, observers, health, failures)
        application = Application(platform, operations.services)
        request_metrics.know(application.paths)
        if tracing is not None:
            tracing.know(application.paths)
        watch_listener = telemetry.metrics.connections.watch
        yield Served(
            application,
            health,
            failed,
            metrics=telemetry.metrics.render,
            watch_listener=watch_listener,
            give_up=application.give_up,
            refused=application.refused,
        )


def _platform(
    settings: Settings,
    runtime: Runtime,
    operations: Operations,
    observers: list[Observer],
    health: Health,
    failures: _FailureHooks,
) -> Platform:
    assets = files("unkey_api").joinpath("assets", "scalar")
    tarpit = _tarpit(settings)
    health.on_stop(tarpit.close)
    return Platform(
        clock=runtime.clock,
        ids=runtime.ids,
        authenticator=_guarded(operations.authenticators.protected, settings, runtime, failures.metrics, tarpit),
        portal_authenticator=_guarded(operations.authenticators.portal, settings, runtime, failures.metrics, tarpit),
        throttle=operations.throttle,
        observers=observers,
        on_panic=failures.on_panic,
        on_observer_error=failures.on_observer_error,
        documents=Documents(document_files(), assets=assets),
        health=health,
        request_timeout=settings.request_timeout,
        bodies=_body_limits(settings),
        proxies=settings.trusted_proxies,
        pprof=_pprof(settings, runtime),
    )


def _body_limits(settings: Settings) -> BodyLimits:
    limits = settings.limits
    return BodyLimits(
        max_bytes=settings.max_request_body_size,
        light_bytes=limits.light_body_bytes,
        values=limits.body_values,
        heavy_bytes=limits.heavy_body_bytes,
        heavy_calls=limits.heavy_bodies,
        heavy_calls_per_workspace=limits.heavy_bodies_per_workspace,
        wait_seconds=limits.heavy_body_timeout.total_seconds(),
    )


def _guarded(
    chain: AuthenticationChain, settings: Settings, runtime: Runtime, metrics: Metrics, tarpit: Tarpit
) -> Authenticator:
    """Put the buckets in front of a chain; each chain has its own, since a cookie is not a key."""
    failed = settings.failed_credentials
    if failed.burst == 0:
        return chain
    buckets = FailureBuckets(
        burst=failed.burst,
        per_second=failed.per_second,
        addresses=failed.addresses,
        clock=runtime.clock,
        tarpit=tarpit,
        on_refused=metrics.guesses.on_refused,
        on_held=metrics.guesses.on_held,
    )
    return GuardedAuthenticator(chain, buckets)


def _tarpit(settings: Settings) -> Tarpit:
    failed = settings.failed_credentials
    return Tarpit(seconds=failed.delay.total_seconds(), per_party=failed.delayed_per_address, in_all=failed.delayed)


def _pprof(settings: Settings, runtime: Runtime) -> Pprof | None:
    if settings.pprof is None:
        return None
    return Pprof(Profiles(runtime.clock), username=settings.pprof.username, password=settings.pprof.password)


def _request_log(settings: Settings, runtime: Runtime) -> RequestLog:
    log = settings.observability.logging
    return RequestLog(
        sample_rate=log.sample_rate if log else 1.0,
        slow_seconds=log.slow_threshold.total_seconds() if log else 1.0,
        draw=runtime.chance,
    )


@dataclass(frozen=True, slots=True)
class _FailureHooks:
    """Who hears of bugs: log and metrics."""

    metrics: Metrics
    requests: RequestMetrics

    def on_panic(self, exchange: Exchange, error: Exception) -> None:
        """Note what nothing below the edge handled."""
        self.metrics.on_panic("", self.requests.route(exchange))
        report_panic(exchange, error)

    def on_observer_error(self, exchange: Exchange, error: Exception) -> None:
        """Note what an observer of requests raised."""
        self.metrics.on_panic("observer", self.requests.route(exchange))
        report_panic(exchange, error, what="request observer failed")
