"""The caches of a worker, and the bus on which it hears and tells what no longer holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import structlog

from unkey_api.areas.analytics.service.connections import AnalyticsCaches, analytics_caches
from unkey_api.areas.apis.live import ApiCache, api_cache
from unkey_api.areas.keys.verification.directory import KeyCache, key_cache
from unkey_api.areas.portal.sessions import SessionCache, session_cache
from unkey_api.areas.ratelimit.namespaces import NamespaceCache, namespace_cache
from unkey_api.auth.workspaces import LimitsCache, WorkspaceCache, limits_cache, workspace_cache
from unkey_api.container.lifecycle import running
from unkey_api.container.runtime import Runtime
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdPrefix
from unkey_api.infra.caching.swr import CacheObserver, SwrCache
from unkey_api.infra.invalidation.bus import BroadcastBus
from unkey_api.infra.invalidation.ports import Transport
from unkey_api.infra.invalidation.redis_transport import RedisTransport
from unkey_api.infra.invalidation.serf_agent import AgentOptions, SerfAgent, rpc_token
from unkey_api.infra.invalidation.serf_transport import SerfTransport
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.infra.telemetry.collectors import CacheRoom
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.rpc.health import Details
from unkey_api.settings.sections import SUPERVISED_AGENT, GossipSettings, Settings
from unkey_api.settings.stores import CacheSettings

AnyCache: TypeAlias = SwrCache[Any, Any]  # keys and values of all kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """One of each."""

    keys: KeyCache
    apis: ApiCache
    namespaces: NamespaceCache
    limits: LimitsCache
    workspaces: WorkspaceCache
    portal_sessions: SessionCache
    analytics: AnalyticsCaches

    def all(self) -> tuple[AnyCache, ...]:
        """Return every cache."""
        named = (self.keys, self.apis, self.namespaces, self.limits, self.workspaces, self.portal_sessions)
        return (*named, self.analytics.settings, self.analytics.logins)


def _watch(cache: AnyCache, metrics: Metrics) -> None:
    windows = cache.windows
    metrics.caches.watch(
        cache.name,
        cache.counts,
        size=lambda: cache.present,
        capacity=windows.max_entries,
        absent=CacheRoom(lambda: cache.absent, windows.max_absent),
        memory=None if windows.max_bytes is None else CacheRoom(lambda: cache.bytes, windows.max_bytes),
    )


@asynccontextmanager
async def open_caches(
    settings: CacheSettings, clock: Clock, observer: CacheObserver, metrics: Metrics
) -> AsyncIterator[Caches]:
    """Make the caches; on leaving, refreshes that have begun finish."""
    refreshes = BackgroundJobs("cache.refreshes")
    caches = Caches(
        keys=key_cache(settings, clock=clock, refreshes=refreshes, observer=observer),
        apis=api_cache(clock=clock, refreshes=refreshes, observer=observer),
        namespaces=namespace_cache(clock=clock, refreshes=refreshes, observer=observer),
        limits=limits_cache(clock=clock, refreshes=refreshes, observer=observer),
        workspaces=workspace_cache(clock=clock, refreshes=refreshes, observer=observer),
        portal_sessions=session_cache(clock=clock, refreshes=refreshes, observer=observer),
        analytics=analytics_caches(clock=clock, refreshes=refreshes, observer=observer),
    )
    for cache in caches.all():
        _watch(cache, metrics)
    try:
        yield caches
    finally:
        await refreshes.close()


DETAIL = "invalidation"
REDIS_WAIT_SECONDS = 0.5  # Redis was waited for already when its stores were opened
GOSSIP_WAIT_SECONDS = 3.0  # a supervised agent answers commands after a quarter of a second
GRACE_SECONDS = 2.0
AGENT_GRACE_SECONDS = 8.0  # above the time the agent itself gets

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@asynccontextmanager
async def open_bus(
    settings: Settings, runtime: Runtime, metrics: Metrics, details: Details, *, failed: asyncio.Event
) -> AsyncIterator[BroadcastBus]:
    """Open the bus. No transport that is away keeps the service from starting; `details` names the one in use."""
    async with AsyncExitStack() as stack:
        transports: list[Transport] = []
        if settings.gossip is not None:
            transports.append(await _open_gossip(stack, settings, settings.gossip, runtime, failed))
        transports.append(RedisTransport(settings.redis_url.reveal()))
        bus = BroadcastBus(
            transports,
            origin=runtime.ids.new(IdPrefix.INSTANCE),
            clock=runtime.clock,
            observer=metrics.invalidation,
            on_transport=lambda described: details.update({DETAIL: described}),
        )
        await stack.enter_async_context(
            running("invalidation", bus.run(), close=bus.close, failed=failed, grace_seconds=GRACE_SECONDS)
        )
        if not await bus.wait_preferred(GOSSIP_WAIT_SECONDS if settings.gossip else REDIS_WAIT_SECONDS):
            _log.warning("cache invalidation starts without its best transport", transport=details[DETAIL])
        yield bus


async def _open_gossip(
    stack: AsyncExitStack, settings: Settings, gossip: GossipSettings, runtime: Runtime, failed: asyncio.Event
) -> SerfTransport:
    rpc = urlsplit(f"//{gossip.agent_rpc_address}")
    host, port = rpc.hostname or "", rpc.port or 0
    if gossip.agent != SUPERVISED_AGENT:
        return SerfTransport(host, port, token=gossip.agent_rpc_auth)
    token = rpc_token(gossip.secret_key)
    if runtime.worker:
        return SerfTransport(host, port, token=token)
    agent = SerfAgent(_agent_options(settings, gossip, runtime))
    await stack.enter_async_context(
        running("serf", agent.run(), close=agent.close, failed=failed, grace_seconds=AGENT_GRACE_SECONDS)
    )
    return SerfTransport(host, port, token=token, trouble=lambda: agent.trouble)


def _agent_options(settings: Settings, gossip: GossipSettings, runtime: Runtime) -> AgentOptions:
    return AgentOptions(
        program=gossip.program,
        node=settings.instance_id or runtime.ids.new(IdPrefix.INSTANCE),
        bind=gossip.bind_addr,
        advertise=gossip.advertise_addr,
        rpc=gossip.agent_rpc_address,
        secret_key=gossip.secret_key,
        join=gossip.join,
        profile=gossip.profile,
        tags={"role": "unkey-api", "region": settings.region},
    )
