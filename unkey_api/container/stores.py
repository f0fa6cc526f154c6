"""Opening what keeps state: MySQL, Redis, the vault and the buffers in front of ClickHouse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, TypeVar

import structlog

from unkey_api.container.areas import published_methods
from unkey_api.container.lifecycle import encoded_buffer
from unkey_api.container.part_settings import graces, leaving_together, mysql_settings
from unkey_api.container.runtime import Runtime, Telemetry
from unkey_api.core.redaction import Redactor
from unkey_api.infra.batching.batcher import BatchPolicy, NullSink, Sink
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.infra.clickhouse.reading import QueryReader, open_query_reader
from unkey_api.infra.clickhouse.rows import KeyVerificationRow, RatelimitRow
from unkey_api.infra.clickhouse.writer import (
    API_REQUESTS,
    KEY_VERIFICATIONS,
    RATELIMITS,
    FlushOutcome,
    FlushReport,
    Table,
    TableWriter,
    encode_row,
)
from unkey_api.infra.mysql import Database, OrphanHook, log_orphan, open_database
from unkey_api.infra.redis.client import RedisClient, RedisOptions, open_redis
from unkey_api.infra.resilience.breaker import BreakerPolicy, CircuitBreaker
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.infra.vault import VaultClient, open_vault
from unkey_api.rpc.exchange import Exchange, running_route
from unkey_api.rpc.method import redaction_paths
from unkey_api.rpc.observers.reports import RowMaker, body_bytes
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url
from unkey_api.settings.sections import Settings

Row = TypeVar("Row", bound=NamedTuple)
Item = TypeVar("Item")

INSERT_POLICY = BreakerPolicy(
    trip_failures=5, cycle=timedelta(seconds=10), open_for=timedelta(seconds=10), trial_calls=3
)
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Everything that keeps state, open."""

    database: Database
    redis: RedisClient
    vault: VaultClient | None
    requests: Sink[Exchange] | None
    """None where nobody keeps rows of requests, so that none are made."""
    verifications: Sink[KeyVerificationRow]
    ratelimits: Sink[RatelimitRow]
    queries: QueryReader | None
    """Asks ClickHouse in the name of workspaces; None where no address is set."""


@asynccontextmanager
async def open_stores(
    settings: Settings, runtime: Runtime, telemetry: Telemetry, *, failed: asyncio.Event
) -> AsyncIterator[Stores]:
    """Open all stores that the settings name.

    Raises:
        StoreUnavailable: MySQL does not answer. Redis and ClickHouse may be away; the service works without them.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(
                mysql_settings(settings),
                clock=runtime.clock,
                on_orphan_error=_orphan_hook(telemetry.metrics),
                observer=telemetry.statements,
                route=running_route,
            )
        )
        for server, pool in zip(("primary", "replica"), database.pools, strict=False):
            telemetry.metrics.stores.watch_pool(server, pool)
        redis = await stack.enter_async_context(
            open_redis(
                RedisOptions(
                    settings.redis_url.reveal(),
                    command_timeout=settings.redis.command_timeout,
                    start_timeout=settings.redis.startup_timeout,
                ),
                observer=telemetry.commands,
            )
        )
        telemetry.metrics.stores.watch_redis(connected=lambda: redis.connected, in_flight=lambda: redis.in_flight)
        vault = None
        if settings.vault is not None and settings.vault.url:
            vault = await stack.enter_async_context(open_vault(settings.vault.url, settings.vault.token))
        requests, verifications, ratelimits = await _open_sinks(stack, settings, runtime, telemetry.metrics, failed)
        yield Stores(
            database=database,
            redis=redis,
            vault=vault,
            requests=requests,
            verifications=verifications,
            ratelimits=ratelimits,
            queries=await _open_queries(stack, settings),
        )


async def _open_queries(stack: AsyncExitStack, settings: Settings) -> QueryReader | None:
    url = settings.clickhouse.analytics_url.reveal() if settings.clickhouse else ""
    return await stack.enter_async_context(open_query_reader(parse_clickhouse_url(url))) if url else None


def _orphan_hook(metrics: Metrics) -> OrphanHook:
    def on_orphan_error(name: str, error: BaseException) -> None:
        metrics.database.on_orphan_error()
        log_orphan(name, error)

    return on_orphan_error


def _reporter(metrics: Metrics) -> Callable[[FlushReport], None]:
    def report(flush: FlushReport) -> None:
        metrics.batches.on_flush(flush)
        if flush.outcome is FlushOutcome.LOST:
            _log.error("failed to flush batch", table=flush.table, count=flush.rows, error=flush.error)

    return report


async def _open_sinks(
    stack: AsyncExitStack, settings: Settings, runtime: Runtime, metrics: Metrics, failed: asyncio.Event
) -> tuple[Sink[Exchange] | None, Sink[KeyVerificationRow], Sink[RatelimitRow]]:
    url = settings.clickhouse.url.reveal() if settings.clickhouse else ""
    if not url:
        return None, NullSink(), NullSink()
    client = await stack.enter_async_context(open_clickhouse(parse_clickhouse_url(url)))
    on_call = metrics.breakers.on_call
    breaker = CircuitBreaker("clickhouse_insert", runtime.clock, policy=INSERT_POLICY, on_call=on_call)

    report = _reporter(metrics)
    batchers: list[AbstractAsyncContextManager[None]] = []
    grace_seconds = graces(settings.shutdown_timeout).rows

    def sink(
        table: Table[Row], encode: Callable[[Item], bytes], weigh: Callable[[Item], int] | None = None
    ) -> Sink[Item]:
        writer = TableWriter(client, table, report=report, guard=breaker.call)
        taking, writing = encoded_buffer(
            table.name,
            encode,
            writer,
            policy=BatchPolicy(),
            metrics=metrics,
            failed=failed,
            grace_seconds=grace_seconds,
            weigh=weigh,
        )
        batchers.append(writing)
        return taking

    rows = RowMaker(Redactor(redaction_paths(published_methods())), region=settings.region)

    sinks = (
        sink(API_REQUESTS, lambda exchange: encode_row(rows.row(exchange)), body_bytes),
        sink(KEY_VERIFICATIONS, encode_row),
        sink(RATELIMITS, encode_row),
    )
    await stack.enter_async_context(leaving_together(batchers))
    return sinks
