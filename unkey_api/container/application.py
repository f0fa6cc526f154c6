"""Everything together: an application ready to serve, or to be called in process by a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from importlib.resources import files

from unkey_api.app import Application, Platform
from unkey_api.container.operations import open_operations
from unkey_api.container.runtime import Runtime
from unkey_api.container.stores import open_stores
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.openapi_document import read_document
from unkey_api.rpc.documents import Documents
from unkey_api.rpc.exchange import Exchange
from unkey_api.rpc.health import Health
from unkey_api.rpc.observers.request_log import RequestLog, report_panic
from unkey_api.rpc.observers.request_metrics import RequestMetrics
from unkey_api.rpc.observers.request_rows import RequestRows
from unkey_api.server.worker import Served
from unkey_api.settings.sections import Settings


@asynccontextmanager
async def open_application(settings: Settings, runtime: Runtime) -> AsyncIterator[Served]:
    """Open the service. Raises `StoreUnavailable` when MySQL does not answer; other stores may be away."""
    failed = asyncio.Event()
    metrics = Metrics(version=version("unkey-api"))
    async with (
        open_stores(settings, runtime, metrics, failed=failed) as stores,
        open_operations(settings, runtime, stores, metrics) as operations,
    ):
        health = Health()
        document = read_document()
        log = settings.observability.logging
        request_log = RequestLog(
            clock=runtime.clock,
            sample_rate=log.sample_rate if log else 1.0,
            slow_seconds=log.slow_threshold.total_seconds() if log else 1.0,
            draw=lambda: abs(runtime.jitter()),
        )
        request_metrics = RequestMetrics(metrics.http, clock=runtime.clock)

        def on_panic(exchange: Exchange, error: Exception) -> None:
            metrics.on_panic("", exchange.path)
            report_panic(exchange, error)

        platform = Platform(
            clock=runtime.clock,
            ids=runtime.ids,
            authenticator=operations.authenticators.protected,
            portal_authenticator=operations.authenticators.portal,
            throttle=operations.throttle,
            observers=(request_metrics, RequestRows(stores.requests, clock=runtime.clock), request_log),
            on_panic=on_panic,
            documents=Documents(
                openapi_yaml=document.yaml,
                openapi_json=document.json,
                assets=files("unkey_api").joinpath("assets", "scalar"),
            ),
            health=health,
            request_timeout=settings.request_timeout,
            max_body_bytes=settings.max_request_body_size,
            proxies=settings.trusted_proxies,
        )
        application = Application(platform, operations.services)
        request_metrics.know(application.paths)
        yield Served(application, health, failed, metrics.render)
