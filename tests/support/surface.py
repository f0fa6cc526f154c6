"""An application whose handlers do what a test says, for testing what lies around them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from unkey_proto.unkey.keys.v2 import keys_connect
from unkey_proto.unkey.keys.v2.management_pb import UpdateKeyRequest, UpdateKeyResponse
from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest, VerifyKeyResponse
from unkey_proto.unkey.ratelimit.v2 import ratelimit_connect
from unkey_proto.unkey.ratelimit.v2.ratelimit_pb import MultiLimitRequest, MultiLimitResponse

from tests.support.asgi import Client
from tests.support.clock import FixedClock
from unkey_api.app import Application, Platform, Service
from unkey_api.core.ids import RandomIds
from unkey_api.core.principal import Principal, SubjectType
from unkey_api.rpc.bodies.budget import BodyLimits
from unkey_api.rpc.documents import Documents
from unkey_api.rpc.edge import Observer
from unkey_api.rpc.health import Health, Phase
from unkey_api.rpc.pprof import Pprof
from unkey_api.rpc.request_state import RequestState, current_request

MAX_BODY = 2_000


class RecordingObserver:
    """Remembers every finished request."""

    def __init__(self) -> None:
        self.begun = 0
        self.completed: list[RequestState] = []

    def begin(self, state: RequestState) -> None:
        self.begun += 1

    def complete(self, state: RequestState) -> None:
        self.completed.append(state)


class ScriptedKeys(keys_connect.KeysService):
    """Verification answers what the test put in `answer`, or raises it."""

    def __init__(self) -> None:
        self.answer: VerifyKeyResponse | BaseException = VerifyKeyResponse(code="VALID", valid=True)
        self.requests: list[Any] = []
        self.waits_for: asyncio.Event | None = None
        self.cancelled = 0

    async def verify_key(self, request: VerifyKeyRequest, ctx: object, /) -> VerifyKeyResponse:
        self.requests.append(request)
        if self.waits_for is not None:
            try:
                await self.waits_for.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def update_key(self, request: UpdateKeyRequest, ctx: object, /) -> UpdateKeyResponse:
        self.requests.append(request)
        return UpdateKeyResponse()


class ScriptedRatelimit(ratelimit_connect.RatelimitService):
    """Accepts everything."""

    async def multi_limit(self, request: MultiLimitRequest, ctx: object, /) -> MultiLimitResponse:
        return MultiLimitResponse(passed=True)


@dataclass
class ScriptedPlatform:
    """Authentication and throttle that say what the test wants."""

    principal: Principal | BaseException = field(
        default_factory=lambda: Principal("ws_1", "key_1", "root", SubjectType.ROOT_KEY, frozenset())
    )
    throttle_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    throttled: BaseException | None = None
    seen: list[str | None] = field(default_factory=list)

    def recognise(self, authorization: str | None, cookie: str | None) -> Principal | None:
        return None

    async def authenticate(self, authorization: str | None, cookie: str | None) -> Principal:
        self.seen.append(authorization)
        if isinstance(self.principal, BaseException):
            raise self.principal
        return self.principal

    async def admit(self, principal: Principal, headers: list[tuple[bytes, bytes]]) -> None:
        headers.extend(self.throttle_headers)
        if self.throttled is not None:
            raise self.throttled


@dataclass
class Surface:
    """The application and everything a test may turn."""

    keys: ScriptedKeys = field(default_factory=ScriptedKeys)
    platform: ScriptedPlatform = field(default_factory=ScriptedPlatform)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    observers: list[Observer] = field(default_factory=list)
    """Those of production that a test is about, beside the one that remembers."""
    clock: FixedClock = field(default_factory=FixedClock)
    health: Health = field(default_factory=Health)
    panics: list[BaseException] = field(default_factory=list)
    observer_errors: list[BaseException] = field(default_factory=list)
    request_timeout: timedelta = timedelta(seconds=60)
    assets: Path = Path("/nowhere")
    """Where the viewer of the reference page would be."""
    proxies: tuple[str, ...] = ()
    bodies: BodyLimits = field(default_factory=BodyLimits)
    pprof: Pprof | None = None
    max_body: int = MAX_BODY

    def parts(self) -> Platform:
        """Return what lies around the handlers."""
        return Platform(
            clock=self.clock,
            ids=RandomIds(),
            authenticator=self.platform,
            throttle=self.platform,
            observers=(self.observer, *self.observers),
            on_panic=lambda _, err: self.panics.append(err),
            on_observer_error=lambda _, err: self.observer_errors.append(err),
            documents=Documents({"openapi.yaml": b"openapi: 3.1.0\n", "openapi.json": b"{}"}, assets=self.assets),
            health=self.health,
            request_timeout=self.request_timeout,
            bodies=replace(self.bodies, max_bytes=self.max_body),
            proxies=tuple(ip_network(p) for p in self.proxies),
            pprof=self.pprof,
        )

    def build(self) -> Client:
        """Return a client of a fresh application."""
        self.health.phase = Phase.SERVING
        services = [
            Service(keys_connect.KeysService.desc(), keys_connect.KeysServiceASGIApplication, self.keys),
            Service(
                ratelimit_connect.RatelimitService.desc(),
                ratelimit_connect.RatelimitServiceASGIApplication,
                ScriptedRatelimit(),
            ),
        ]
        self.application = Application(self.parts(), services)
        return Client(self.application)


def seen_exchange() -> RequestState:
    """Return the state of the running request, for handlers written in tests."""
    return current_request()
