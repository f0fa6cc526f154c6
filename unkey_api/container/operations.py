"""From open stores to handlers: which use case gets what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from unkey_proto.unkey.analytics.v2.analytics_connect import AnalyticsService
from unkey_proto.unkey.apis.v2.apis_connect import ApisService
from unkey_proto.unkey.identities.v2.identities_connect import IdentitiesService
from unkey_proto.unkey.keys.v2.keys_connect import KeysService
from unkey_proto.unkey.liveness.v2.liveness_connect import LivenessService
from unkey_proto.unkey.permissions.v2.permissions_connect import PermissionsService
from unkey_proto.unkey.ratelimit.v2.ratelimit_connect import RatelimitService
from unkey_proto.unkey.rootkeys.v2.rootkeys_connect import RootKeysService

from unkey_api.app import Service
from unkey_api.areas.analytics.handler import AnalyticsHandler, AnalyticsUseCases
from unkey_api.areas.analytics.service import ask
from unkey_api.areas.analytics.service.connections import Connections
from unkey_api.areas.apis.handler import ApisHandler
from unkey_api.areas.apis.live import LiveApis
from unkey_api.areas.apis.service.create import CreateApi
from unkey_api.areas.apis.service.delete import DeleteApi
from unkey_api.areas.apis.service.list_keys import ListKeys
from unkey_api.areas.apis.service.read import GetApi
from unkey_api.areas.apis.service.update import UpdateApi
from unkey_api.areas.identities.handler import IdentitiesHandler, IdentityUseCases
from unkey_api.areas.identities.service.create import CreateIdentity
from unkey_api.areas.identities.service.delete import DeleteIdentity
from unkey_api.areas.identities.service.read import GetIdentity, ListIdentities
from unkey_api.areas.identities.service.update import UpdateIdentity
from unkey_api.areas.keys.credits.limiter import CreditLimiter, open_credit_limiter
from unkey_api.areas.keys.credits.queries import SqlCreditBalances
from unkey_api.areas.keys.credits.replays import ReplayBounds
from unkey_api.areas.keys.credits.types import EPOCHS_PER_MS
from unkey_api.areas.keys.handler import KeysHandler
from unkey_api.areas.keys.schemes.bounded import open_slow_hashes
from unkey_api.areas.keys.schemes.finding import ForeignHashes
from unkey_api.areas.keys.service.all import key_use_cases
from unkey_api.areas.keys.service.parts import KeyParts
from unkey_api.areas.keys.verification.directory import KeyDirectory
from unkey_api.areas.keys.verification.migration import MigratedKeys
from unkey_api.areas.keys.verification.service import VerificationParts, VerifyKey
from unkey_api.areas.liveness.handler import LivenessHandler
from unkey_api.areas.permissions.handler import PermissionsHandler, PermissionUseCases
from unkey_api.areas.permissions.service.create_permission import CreatePermission
from unkey_api.areas.permissions.service.create_role import CreateRole
from unkey_api.areas.permissions.service.delete import DeletePermission, DeleteRole
from unkey_api.areas.permissions.service.read import GetPermission, GetRole, ListPermissions, ListRoles
from unkey_api.areas.permissions.service.set_role_permissions import SetRolePermissions
from unkey_api.areas.permissions.service.update import UpdatePermission, UpdateRole
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.areas.ratelimit.creation import NamespaceCreation
from unkey_api.areas.ratelimit.engine.bounds import TableBounds
from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.areas.ratelimit.engine.running import open_rate_limiter
from unkey_api.areas.ratelimit.global_counters import SqlGlobalCounters
from unkey_api.areas.ratelimit.handler import RatelimitHandler, RatelimitUseCases
from unkey_api.areas.ratelimit.namespaces import Namespaces
from unkey_api.areas.ratelimit.service.delete_override import DeleteOverride
from unkey_api.areas.ratelimit.service.limit import Limit
from unkey_api.areas.ratelimit.service.multi_limit import MultiLimit
from unkey_api.areas.ratelimit.service.read_overrides import GetOverride, ListOverrides
from unkey_api.areas.ratelimit.service.set_override import SetOverride
from unkey_api.areas.rootkeys.handler import RootKeysHandler, RootKeyUseCases
from unkey_api.areas.rootkeys.service.create import CreateRootKey
from unkey_api.areas.rootkeys.service.delete import DeleteRootKey
from unkey_api.areas.rootkeys.service.parts import root_key_parts
from unkey_api.areas.rootkeys.service.read import ListRootKeys
from unkey_api.areas.rootkeys.service.reroll import RerollRootKey
from unkey_api.areas.rootkeys.service.update import UpdateRootKey
from unkey_api.audit.service import AuditLog
from unkey_api.auth.standing import CallerStanding
from unkey_api.auth.throttle import RequestThrottle
from unkey_api.container.authentication import Authenticators, open_authenticators
from unkey_api.container.caches import Caches, open_caches
from unkey_api.container.closing import graces
from unkey_api.container.hashing import hash_caps
from unkey_api.container.limit_reports import CreditReports, LimiterReports, watch_limits
from unkey_api.container.published import serve_published
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What several domains use."""

    settings: Settings
    runtime: Runtime
    stores: Stores
    caches: Caches
    limiter: RateLimiter
    credits: CreditLimiter
    audit: AuditLog
    projects: DefaultProject
    directory: KeyDirectory
    foreign: ForeignHashes
    namespaces: Namespaces
    creation: NamespaceCreation


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
        shared = await _open_shared(stack, settings, runtime, stores, metrics)
        database = stores.database
        changed = ChangedCaches(named_caches(shared.caches, shared.directory.owners))
        await stack.enter_async_context(following(settings, runtime, database, metrics, bus, changed, failed=failed))
        authenticators = await stack.enter_async_context(
            open_authenticators(settings.auth, shared.directory, shared.caches, database, runtime.clock)
        )
        yield Operations(
            services=_services(shared),
            authenticators=authenticators,
            throttle=RequestThrottle(shared.caches.limits, database.reads_of, shared.limiter, clock=runtime.clock),
        )


async def _open_shared(
    stack: AsyncExitStack, settings: Settings, runtime: Runtime, stores: Stores, metrics: Metrics
) -> _Shared:
    clock, database = runtime.clock, stores.database
    limiter, credits_ = await _open_limits(stack, settings, runtime, stores, metrics)
    caches = await stack.enter_async_context(open_caches(settings.caches, clock, CacheTiming(), metrics))
    directory = KeyDirectory(caches.keys, database)
    watch_limits(metrics, limiter, credits_, directory.counts)
    audit, projects = AuditLog(clock=clock, ids=runtime.ids), DefaultProject(clock=clock, ids=runtime.ids)
    namespaces = Namespaces(caches.namespaces, database)
    creation = NamespaceCreation(database, audit, projects, namespaces, clock=clock, ids=runtime.ids)
    stack.push_async_callback(creation.close)
    return _Shared(
        settings=settings,
        runtime=runtime,
        stores=stores,
        caches=caches,
        limiter=limiter,
        credits=credits_,
        audit=audit,
        projects=projects,
        directory=directory,
        foreign=await _open_foreign_hashes(stack, settings, runtime, stores),
        namespaces=namespaces,
        creation=creation,
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


def _services(shared: _Shared) -> tuple[Service, ...]:
    return serve_published(
        {
            LivenessService: LivenessHandler(),
            ApisService: _apis(shared),
            KeysService: _keys(shared),
            RatelimitService: _ratelimit(shared),
            IdentitiesService: _identities(shared),
            PermissionsService: _permissions(shared),
            RootKeysService: _root_keys(shared),
            AnalyticsService: _analytics(shared),
        }
    )


def _apis(shared: _Shared) -> ApisHandler:
    database, clock = shared.stores.database, shared.runtime.clock
    live = LiveApis(shared.caches.apis, database.reads_of)
    return ApisHandler(
        create=CreateApi(database, shared.audit, shared.projects, clock=clock, ids=shared.runtime.ids),
        get=GetApi(live),
        update=UpdateApi(database, shared.audit, clock=clock, has_vault=shared.stores.vault is not None),
        delete=DeleteApi(database, shared.audit, clock=clock),
        list_keys=ListKeys(live, database.reads_of, shared.stores.vault),
    )


def _permissions(shared: _Shared) -> PermissionsHandler:
    database, audit, projects = shared.stores.database, shared.audit, shared.projects
    clock, ids, reads_of = shared.runtime.clock, shared.runtime.ids, shared.stores.database.reads_of
    return PermissionsHandler(
        PermissionUseCases(
            create_permission=CreatePermission(database, audit, projects, clock=clock, ids=ids),
            get_permission=GetPermission(reads_of),
            list_permissions=ListPermissions(reads_of),
            update_permission=UpdatePermission(database, audit, clock=clock),
            delete_permission=DeletePermission(database, audit),
            create_role=CreateRole(database, audit, projects, clock=clock, ids=ids),
            get_role=GetRole(reads_of),
            list_roles=ListRoles(reads_of),
            update_role=UpdateRole(database, audit, clock=clock),
            delete_role=DeleteRole(database, audit),
            set_role_permissions=SetRolePermissions(database, audit, projects, clock=clock, ids=ids),
        )
    )


def _identities(shared: _Shared) -> IdentitiesHandler:
    database, clock, ids = shared.stores.database, shared.runtime.clock, shared.runtime.ids
    return IdentitiesHandler(
        IdentityUseCases(
            create=CreateIdentity(database, shared.audit, shared.projects, clock=clock, ids=ids),
            get=GetIdentity(database.reads_of),
            list_identities=ListIdentities(database.reads_of),
            update=UpdateIdentity(database, shared.audit, clock=clock, ids=ids),
            delete=DeleteIdentity(database, shared.audit, ids=ids),
        )
    )


def _keys(shared: _Shared) -> KeysHandler:
    runtime, stores = shared.runtime, shared.stores
    verification = VerificationParts(
        directory=shared.directory,
        migrated=MigratedKeys(stores.database, shared.directory, shared.foreign, runtime.clock),
        limiter=shared.limiter,
        credits=shared.credits,
        events=stores.verifications,
        clock=runtime.clock,
        region=shared.settings.region,
    )
    parts = KeyParts(
        database=stores.database,
        audit=shared.audit,
        projects=shared.projects,
        vault=stores.vault,
        credits=shared.credits,
        apis=LiveApis(shared.caches.apis, stores.database.reads_of),
        clock=runtime.clock,
        ids=runtime.ids,
        random_bytes=runtime.random_bytes,
        hash_caps=hash_caps(shared.settings.key_migrations),
    )
    return KeysHandler(key_use_cases(parts, VerifyKey(verification)))


def _root_keys(shared: _Shared) -> RootKeysHandler:
    runtime = shared.runtime
    parts = root_key_parts(
        shared.stores.database,
        shared.audit,
        shared.projects,
        CallerStanding(runtime.clock),
        clock=runtime.clock,
        ids=runtime.ids,
        random_bytes=runtime.random_bytes,
    )
    return RootKeysHandler(
        RootKeyUseCases(
            create=CreateRootKey(parts),
            list=ListRootKeys(parts),
            update=UpdateRootKey(parts),
            reroll=RerollRootKey(parts),
            delete=DeleteRootKey(parts),
        )
    )


def _ratelimit(shared: _Shared) -> RatelimitHandler:
    database, runtime, rows = shared.stores.database, shared.runtime, shared.stores.ratelimits
    namespaces, creation = shared.namespaces, shared.creation
    return RatelimitHandler(
        RatelimitUseCases(
            limit=Limit(namespaces, creation, shared.limiter, rows, clock=runtime.clock),
            multi_limit=MultiLimit(namespaces, creation, shared.limiter, rows, clock=runtime.clock),
            set_override=SetOverride(database, shared.audit, clock=runtime.clock, ids=runtime.ids),
            get_override=GetOverride(database.reads_of),
            list_overrides=ListOverrides(database.reads_of),
            delete_override=DeleteOverride(database, shared.audit, clock=runtime.clock),
        )
    )


def _analytics(shared: _Shared) -> AnalyticsHandler:
    stores, database = shared.stores, shared.stores.database
    connections = Connections(shared.caches.analytics, database.reads_of, stores.vault, stores.queries)
    return AnalyticsHandler(
        AnalyticsUseCases(
            ask=ask.Ask(connections, clock=shared.runtime.clock),
            verifications=ask.verifications(LiveApis(shared.caches.apis, database.reads_of)),
            ratelimits=ask.RATELIMIT_DECISIONS,
            gateway_requests=ask.GATEWAY,
            runtime_logs=ask.LOGS,
        )
    )
