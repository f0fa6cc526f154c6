"""What every gRPC server is expected to have besides its own services: health and reflection.

Neither asks for a credential, is logged or is counted. Both tell only what the published documents and the health
endpoints tell as well. Streams of both are bounded in number, since they may stay open as long as their caller likes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from connectrpc.server import ConnectASGIApplication
from connectrpc_grpcreflect import (
    ServerReflectionAlphaASGIApplication,
    ServerReflectionAlphaService,
    ServerReflectionASGIApplication,
    ServerReflectionService,
)
from protobuf import DescService
from unkey_proto.grpc.health.v1 import health_connect
from unkey_proto.grpc.health.v1.health_pb import (
    HealthCheckRequest,
    HealthCheckResponse,
    HealthListRequest,
    HealthListResponse,
)

from unkey_api.rpc.errors import cut, forget_ways
from unkey_api.rpc.health import Health

REQUEST_BYTES = 4_096
STREAMS = 256  # of watchers and of reflection each, per worker
REFLECTION_REQUESTS = 500  # on one stream; a client that describes everything asks for each message once
NAME_BYTES = 100
REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
Serving = HealthCheckResponse.ServingStatus

Item = TypeVar("Item")
Context = RequestContext[Any, Any]  # nobody here looks at it


class StreamsBound:
    """Counts open streams and refuses those beyond a bound."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self.open = 0
        """Streams right now."""

    @contextmanager
    def one(self) -> Any:  # a generator, as the decorator wants it
        """Hold a place. Raises `ConnectError` (RESOURCE_EXHAUSTED) when there is none."""
        if self.open >= self._bound:
            raise ConnectError(Code.RESOURCE_EXHAUSTED, f"{self._bound} such streams are open already")
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


class GrpcHealth(health_connect.Health):
    """`grpc.health.v1.Health`: every service is as ready as the process is."""

    def __init__(self, health: Health, services: Iterable[str], bound: StreamsBound) -> None:
        self._health = health
        self._services = frozenset(services) | {""}
        self._bound = bound

    async def check(self, request: HealthCheckRequest, ctx: Context, /) -> HealthCheckResponse:
        """Tell the state of a service. Raises `ConnectError` (NOT_FOUND) for one that is not here."""
        if request.service not in self._services:
            raise ConnectError(Code.NOT_FOUND, f"there is no service '{cut(request.service, NAME_BYTES)}'")
        return HealthCheckResponse(status=await self._status())

    async def list(self, request: HealthListRequest, ctx: Context, /) -> HealthListResponse:
        """Tell the state of every service."""
        status = await self._status()
        return HealthListResponse(statuses={name: HealthCheckResponse(status=status) for name in self._services})

    async def watch(self, request: HealthCheckRequest, ctx: Context, /) -> AsyncIterator[HealthCheckResponse]:
        """Tell the state of a service at once and at each change; ends when the process stops."""
        known = request.service in self._services
        with self._bound.one():
            said: Serving | None = None
            while not self._health.stopping:
                seen = self._health.changes
                status = await self._status() if known else Serving.SERVICE_UNKNOWN
                if status is not said:
                    said = status
                    yield HealthCheckResponse(status=status)
                await self._health.changed(seen)
            if known and said is not Serving.NOT_SERVING:
                yield HealthCheckResponse(status=Serving.NOT_SERVING)

    async def _status(self) -> Serving:
        return Serving.SERVING if await self._health.ready() else Serving.NOT_SERVING


class BoundedReflection:
    """Reflection of either name, with so many requests on a stream and no more."""

    def __init__(self, answering: Any, bound: StreamsBound) -> None:  # Any: the package has no types
        self._answering = answering
        self._bound = bound

    async def server_reflection_info(self, request: AsyncIterator[Any], ctx: Context) -> AsyncIterator[Any]:
        """Answer the requests of one stream."""
        with self._bound.one():
            async for answer in self._answering.server_reflection_info(_at_most(REFLECTION_REQUESTS, request), ctx):
                yield answer


async def _at_most(number: int, items: AsyncIterator[Item]) -> AsyncIterator[Item]:
    count = 0
    async for item in items:
        count += 1
        if count > number:
            raise ConnectError(Code.RESOURCE_EXHAUSTED, f"more than {number} requests on one stream")
        yield item


class _Ends:
    """Lets go of what ended a stream. The runtime keeps it where it keeps the stream, so each would keep the other."""

    async def on_start(self, ctx: Context) -> None:
        """Let every call begin."""

    async def on_end(self, token: None, ctx: Context, error: Exception | None, /) -> None:
        """Forget the frames an error came through; it is told by its text."""
        forget_ways(error)


def grpc_services(health: Health, services: Iterable[DescService]) -> Mapping[str, ConnectASGIApplication[Any]]:
    """Return the applications of health and reflection by the full path of each method."""
    published = (*services, health_connect.Health.desc())
    names = [*(service.type_name for service in published), *REFLECTION]
    reflecting = StreamsBound(STREAMS)
    checked = health_connect.HealthASGIApplication(
        GrpcHealth(health, names, StreamsBound(STREAMS)), interceptors=[_Ends()], read_max_bytes=REQUEST_BYTES
    )
    reflected = ServerReflectionASGIApplication(
        BoundedReflection(ServerReflectionService(*published), reflecting),
        interceptors=[_Ends()],
        read_max_bytes=REQUEST_BYTES,
    )
    reflected_alpha = ServerReflectionAlphaASGIApplication(
        BoundedReflection(ServerReflectionAlphaService(*published), reflecting),
        interceptors=[_Ends()],
        read_max_bytes=REQUEST_BYTES,
    )
    return {
        **{f"{checked.path}/{method}": checked for method in ("Check", "List", "Watch")},
        f"{reflected.path}/ServerReflectionInfo": reflected,
        f"{reflected_alpha.path}/ServerReflectionInfo": reflected_alpha,
    }
