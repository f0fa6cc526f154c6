"""From open stores to what is served: opens what several areas share, and builds them from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from unkey_api.app import Service
from unkey_api.areas.analytics.service.connections import Connections
from unkey_api.areas.apis.live import LiveApis
from unkey_api.areas.keys.credits.limiter import CreditLimiter, open_credit_limiter
from unkey_api.areas.keys.credits.queries import SqlCreditBalances
from unkey_api.areas.keys.credits.replays import ReplayBounds
from unkey_api.areas.keys.credits.types import EPOCHS_PER_MS
from unkey_api.areas.keys.schemes.bounded import open_slow_hashes
from unkey_api.areas.keys.schemes.finding import ForeignHashes
from unkey_api.areas.keys.verification.directory import KeyDirectory
from unkey_api.areas.parts import Parts
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.areas.ratelimit.engine.bounds import TableBounds
from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.areas.ratelimit.engine.running import open_rate_limiter
from unkey_api.areas.ratelimit.global_counters import SqlGlobalCounters
from unkey_api.areas.ratelimit.namespaces import NamespaceCreation, Namespaces
from unkey_api.areas.shared import Shared
from unkey_api.audit.service import AuditLog
from unkey_api.auth.standing import CallerStanding
from unkey_api.auth.throttle import RequestThrottle
from unkey_api.container.areas import built
from unkey_api.container.authentication import Authenticators, open_authenticators
from unkey_api.container.caches import Caches, open_caches
from unkey_api.container.limit_reports import CreditReports, LimiterReports, watch_limits
from unkey_api.container.part_settings import graces, hash_caps
from unkey_api.container.revocation import ChangedCaches, following, named_caches
from unkey_api.container.runtime import Runtime
from unkey_api.container.stores import Stores
from unkey_api.infra import passwords
from unkey_api.infra.invalidation.ports import InvalidationBus
from unkey_api.infra.redis.counters import RedisCounters, RedisCredits
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.rpc.observers.reports import CacheTiming
from unkey_api.settings.sections import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Everything the application serves, and what guards it."""

    services: tuple[Service, ...]
    authenticators: Authenticators
    throttle: RequestThrottle


@asynccontextmanager
async def open_operations(
    settings: Settings,
    runtime: Runtime,
    stores: Stores,
    metrics: Metrics,
    bus: InvalidationBus,
    *,
    failed: asyncio.Event,
) -> AsyncIterator[Operations]:
    """Build every use case and run what works behind them."""
    async with AsyncExitStack() as stack:
        caches = await stack.enter_async_context(open_caches(settings.caches, runtime.clock, CacheTiming(), metrics))
        shared = await _open_shared(stack, settings, runtime, stores, metrics, caches)
        database = stores.database
        changed = ChangedCaches(named_caches(caches, shared.directory.owners))
        await stack.enter_async_context(following(settings, runtime, database, metrics, bus, changed, failed=failed))
        authenticators = await stack.enter_async_context(
            open_authenticators(settings.auth, shared.directory, caches, database, runtime.clock)
        )
        yield Operations(
            services=built(shared),
            authenticators=authenticators,
            throttle=RequestThrottle(caches.limits, database.reads_of, shared.limiter, clock=runtime.clock),
        )


async def _open_shared(
    stack: AsyncExitStack, settings: Settings, runtime: Runtime, stores: Stores, metrics: Metrics, caches: Caches
) -> Shared:
    clock, ids, database = runtime.clock, runtime.ids, stores.database
    limiter, credits_ = await _open_limits(stack, settings, runtime, stores, metrics)
    directory = KeyDirectory(caches.keys, database)
    watch_limits(metrics, limiter, credits_, directory.counts)
    audit, projects = AuditLog(clock=clock, ids=ids), DefaultProject(clock=clock, ids=ids)
    parts = Parts(database=database, audit=audit, projects=projects, clock=clock, ids=ids)
    namespaces = Namespaces(caches.namespaces, database)
    creation = NamespaceCreation(parts, namespaces)
    stack.push_async_callback(creation.close)
    return Shared(
        parts=parts,
        vault=stores.vault,
        random_bytes=runtime.random_bytes,
        region=settings.region,
        apis=LiveApis(caches.apis, database.reads_of),
        namespaces=namespaces,
        creation=creation,
        limiter=limiter,
        ratelimits=stores.ratelimits,
        directory=directory,
        foreign=await _open_foreign_hashes(stack, settings, runtime, stores),
        hash_caps=hash_caps(settings.key_migrations),
        credits=credits_,
        verifications=stores.verifications,
        callers=CallerStanding(clock),
        connections=Connections(caches.analytics, database.reads_of, stores.vault, stores.queries),
    )


async def _open_limits(
    stack: AsyncExitStack, settings: Settings, runtime: Runtime, stores: Stores, metrics: Metrics
) -> tuple[RateLimiter, CreditLimiter]:
    clock, database, grace = runtime.clock, stores.database, graces(settings.shutdown_timeout)
    limiter = await stack.enter_async_context(
        open_rate_limiter(
            RedisCounters(stores.redis),
            clock=clock,
            observer=LimiterReports(metrics.ratelimit),
            jitter=runtime.jitter,
            shared=SqlGlobalCounters(database.replica, database.primary, region=settings.region),
            bounds=TableBounds(per_workspace=settings.counters.per_workspace, total=settings.counters.total),
            on_breaker=metrics.breakers.on_call,
            grace_seconds=grace.counters,
        )
    )
    credits_ = await stack.enter_async_context(
        open_credit_limiter(
            RedisCredits(stores.redis, clock),
            SqlCreditBalances(database.primary),
            clock=clock,
            observer=CreditReports(metrics.usage),
            salt=round((1 + runtime.jitter()) * EPOCHS_PER_MS),
            on_breaker=metrics.breakers.on_call,
            bounds=ReplayBounds(drain_seconds=grace.credits),
        )
    )
    return limiter, credits_


async def _open_foreign_hashes(
    stack: AsyncExitStack, settings: Settings, runtime: Runtime, stores: Stores
) -> ForeignHashes:
    chosen = settings.key_migrations
    slow = await stack.enter_async_context(
        open_slow_hashes(
            passwords.verify, clock=runtime.clock, threads=chosen.hash_threads, per_second=chosen.hashes_per_second
        )
    )
    return ForeignHashes(stores.database.reads_of, slow, chosen.peppers)
