"""`unkey-api serve`: from settings to a supervised set of workers."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields, is_dataclass, replace
from importlib.metadata import version
from pathlib import Path

import structlog

from unkey_api.container.application import open_application
from unkey_api.container.part_settings import mysql_settings
from unkey_api.container.runtime import Runtime
from unkey_api.core.ids import IdPrefix
from unkey_api.core.secret import Secret
from unkey_api.infra.telemetry.logging import FLUSH_SECONDS, LogStyle, configure_logging, flush_logging
from unkey_api.server.listeners import TlsFiles, serving_metrics
from unkey_api.server.sockets import PortTaken, bind_workers
from unkey_api.server.supervisor import Supervisor
from unkey_api.server.worker import OpenApp, Served, WorkerOptions
from unkey_api.settings.sections import Settings

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def serve_settings(settings: Settings, runtime: Runtime | None = None) -> int:
    """Serve until a stop signal. Returns the exit status; what keeps it from starting is printed."""
    runtime = runtime or Runtime()
    instance_id = settings.instance_id or runtime.ids.new(IdPrefix.INSTANCE)
    settings = replace(settings, instance_id=instance_id)
    _configure_logging(settings, runtime, instance_id, worker=None)
    try:
        stores = mysql_settings(settings)
        secrets = [Secret(dsn.password) for dsn in (stores.primary, stores.replica) if dsn is not None]
        sockets = bind_workers(
            settings.bind_address,
            http_port=settings.http_port,
            http2_port=settings.http2_port,
            workers=settings.workers,
        )
    except PortTaken as err:
        sys.stderr.write(f"unkey-api: {err}\n")
        return 1
    http_port = sockets[0].http1.getsockname()[1]
    supervisor = Supervisor(
        open_app=_opener(settings, runtime, instance_id, secrets),
        sockets=sockets,
        options=WorkerOptions(
            shutdown_timeout=settings.shutdown_timeout,
            tls=_tls(settings),
            limits=settings.limits,
            proxies=settings.trusted_proxies,
        ),
        on_ready=lambda: _log.info("serving", address=settings.bind_address, port=http_port, count=len(sockets)),
        log=_report,
        flush=lambda: flush_logging(FLUSH_SECONDS),
    )
    return supervisor.run()


def _report(sentence: str, **fields: object) -> None:
    """Log a failure the way the process at hand logs: a worker is set up otherwise than its supervisor."""
    _log.error(sentence, **fields)


def _opener(settings: Settings, runtime: Runtime, instance_id: str, secrets: Iterable[Secret]) -> OpenApp:
    @asynccontextmanager
    async def open_worker(index: int) -> AsyncIterator[Served]:
        _configure_logging(settings, runtime, instance_id, worker=index, secrets=secrets)
        async with AsyncExitStack() as stack:
            served = await stack.enter_async_context(open_application(settings, replace(runtime, worker=index)))
            metrics = settings.observability.metrics
            if metrics is not None:
                # Every worker counts for itself, so each has a port of its own: the configured one and those after it.
                port = metrics.prometheus_port + index if metrics.prometheus_port else 0
                await stack.enter_async_context(serving_metrics(served.metrics, settings.bind_address, port))
            yield served

    return open_worker


def _configure_logging(
    settings: Settings, runtime: Runtime, instance_id: str, *, worker: int | None, secrets: Iterable[Secret] = ()
) -> None:
    instance: dict[str, object] = {
        "id": instance_id,
        "platform": settings.platform,
        "region": settings.region,
        "version": version("unkey-api"),
    }
    if worker is not None:
        instance["worker"] = worker
    configure_logging(
        runtime.clock,
        style=LogStyle.of(os.environ, sys.stderr),
        base={"instance": instance},
        secrets=[*secrets, *_secrets_of(settings)],
    )


def _secrets_of(section: object) -> list[Secret]:
    """Return every secret of the settings, so that none of them can be logged by accident."""
    if isinstance(section, Secret):
        return [section]
    if isinstance(section, tuple):
        return [secret for item in section for secret in _secrets_of(item)]
    if is_dataclass(section):
        return [secret for f in fields(section) for secret in _secrets_of(getattr(section, f.name))]
    return []


def _tls(settings: Settings) -> TlsFiles | None:
    if settings.tls is None or not settings.tls.cert_file:
        return None
    return TlsFiles(Path(settings.tls.cert_file), Path(settings.tls.key_file))
