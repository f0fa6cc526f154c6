"""From handlers to one ASGI application that serves both surfaces, the documents and the health endpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connectrpc.server import ConnectASGIApplication
from protobuf import DescService
from protovalidate import Validator
from unkey_proto.unkey.options.v1 import options_pb

from unkey_api.auth.chain import AuthenticationChain
from unkey_api.core.addresses import Network
from unkey_api.core.clock import Clock
from unkey_api.core.ids import IdSource
from unkey_api.rpc.bodies.admission import Admission
from unkey_api.rpc.bodies.budget import BodyBudget, BodyLimits
from unkey_api.rpc.bodies.undecoded import LateGzip, late_codecs
from unkey_api.rpc.bodies.validation import Validation
from unkey_api.rpc.connect_surface import CallAdmission, ConnectSurface, forgetting
from unkey_api.rpc.documents import Documents
from unkey_api.rpc.edge import Edge, Endpoint, Observer, ObserverFailed, Routes, Unobserved
from unkey_api.rpc.grpc_services import grpc_services
from unkey_api.rpc.health import Health
from unkey_api.rpc.http_json.transcoder import Transcoder
from unkey_api.rpc.interceptors.credentials import Authentication, Authenticator, Throttle
from unkey_api.rpc.interceptors.guard import Guard, PanicHook
from unkey_api.rpc.method import BoundService, ChainFactory, Interceptor, MethodSpec, bind
from unkey_api.rpc.pprof import Pprof


@dataclass(frozen=True, slots=True)
class Service:
    """A generated service and what implements it."""

    description: DescService
    application: Callable[..., ConnectASGIApplication[Any]]
    """The generated application class."""
    handler: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What every request needs, whichever operation it calls."""

    clock: Clock
    ids: IdSource
    authenticator: Authenticator
    throttle: Throttle
    observers: Sequence[Observer]
    on_panic: PanicHook
    on_observer_error: ObserverFailed
    documents: Documents
    health: Health
    request_timeout: timedelta
    bodies: BodyLimits
    proxies: tuple[Network, ...] = ()
    portal_authenticator: Authenticator = field(default_factory=lambda: AuthenticationChain(()))
    """Knows the end users of the portal; one that knows nobody when portal sessions are not configured."""
    pprof: Pprof | None = None
    """None leaves `/debug/pprof/` a 404."""


class Application(Edge):
    """The ASGI application. Both listeners of a worker serve the same one."""

    def __init__(self, platform: Platform, services: Sequence[Service]) -> None:
        validator = Validator()
        admissions = _Admissions(platform)
        guard = Guard(platform.request_timeout, platform.on_panic)
        self.give_up = guard.stop
        """Have every call that still waits for something fail, as unavailable."""
        factory = _chain_factory(platform, validator, admissions, guard)
        bound = [(s, bind(s.description, s.handler, factory)) for s in services]
        connect = ConnectSurface(
            {
                binding.spec.rpc_path: (application, admissions.of(binding.spec))
                for service, one in bound
                for application in [_connect_application(service, one, platform, admissions)]
                for binding in one.bindings
            },
            platform.on_panic,
        )
        routes = _routes(platform, validator, admissions, [b for _, b in bound])
        self.paths = frozenset(routes) | {b.spec.rpc_path for _, one in bound for b in one.bindings}
        """Every route of either surface."""
        unobserved: dict[str, Unobserved] = {
            **dict.fromkeys(Health.PATHS, platform.health.respond),
            **grpc_services(platform.health, [service.description for service in services]),
        }
        super().__init__(
            Routes(routes, connect, unobserved),
            clock=platform.clock,
            ids=platform.ids,
            observers=platform.observers,
            on_observer_error=platform.on_observer_error,
            proxies=platform.proxies,
        )


class _Admissions:
    """Who may send what to each method. One per method, for both surfaces, over one budget."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._budget = BodyBudget(platform.bodies)
        self._known: dict[str, tuple[Admission, Authentication | None]] = {}

    def of(self, spec: MethodSpec) -> Admission:
        return self._of(spec)[0]

    def authentication(self, spec: MethodSpec) -> Authentication | None:
        """Return how callers of a method identify themselves; None when they need not."""
        return self._of(spec)[1]

    def _of(self, spec: MethodSpec) -> tuple[Admission, Authentication | None]:
        known = self._known.get(spec.rpc_path)
        if known is None:
            platform, open_to_all = self._platform, spec.auth is options_pb.AuthKind.NONE
            authentication = None if open_to_all else _authentication(platform, spec)
            admission = Admission(spec.auth, authentication, self._budget, platform.bodies)
            known = self._known[spec.rpc_path] = (admission, authentication)
        return known


def _chain_factory(platform: Platform, validator: Validator, admissions: _Admissions, guard: Guard) -> ChainFactory:
    def interceptors(spec: MethodSpec) -> Sequence[Interceptor]:
        chain: list[Interceptor] = [
            guard,
            Validation(spec, validator, admissions.of(spec)),
        ]
        authentication = admissions.authentication(spec)
        if authentication is not None:
            chain.append(authentication)
        return chain

    return interceptors


def _authentication(platform: Platform, spec: MethodSpec) -> Authentication:
    """Operations of the portal know its sessions and nothing else; all others know everything but those."""
    if spec.auth is options_pb.AuthKind.PORTAL_SESSION:
        return Authentication(platform.portal_authenticator, platform.throttle, reads_cookies=True)
    return Authentication(platform.authenticator, platform.throttle)


def _connect_application(
    service: Service, bound: BoundService, platform: Platform, admissions: _Admissions
) -> ConnectASGIApplication[Any]:
    by_path = {binding.spec.rpc_path: admissions.of(binding.spec) for binding in bound.bindings}
    return forgetting(
        service.application(
            bound.service,
            interceptors=[CallAdmission(by_path, platform.on_panic)],
            read_max_bytes=platform.bodies.max_bytes if platform.bodies.max_bytes > 0 else None,
            codecs=late_codecs(),
            compressions=[LateGzip()],
        )
    )


def _routes(
    platform: Platform, validator: Validator, admissions: _Admissions, services: Sequence[BoundService]
) -> dict[str, dict[str, Endpoint]]:
    routes: dict[str, dict[str, Endpoint]] = {path: {"GET": platform.documents} for path in platform.documents.paths}
    if platform.pprof is not None:
        routes.update({path: {"GET": platform.pprof} for path in Pprof.PATHS})
    for service in services:
        for binding in service.bindings:
            if binding.spec.http_path:
                transcoder = Transcoder(binding, validator, admissions.of(binding.spec), on_panic=platform.on_panic)
                routes.setdefault(binding.spec.http_path, {})[binding.spec.http_verb] = transcoder
    return routes
