"""Serves unkey.ratelimit.v2.RatelimitService."""

from __future__ import annotations

from unkey_proto.unkey.ratelimit.v2 import ratelimit_pb as pb
from unkey_proto.unkey.ratelimit.v2.ratelimit_connect import RatelimitService

from unkey_api.areas.ratelimit import convert
from unkey_api.areas.ratelimit.service.delete_override import DeleteOverride
from unkey_api.areas.ratelimit.service.limit import Limit
from unkey_api.areas.ratelimit.service.list_namespaces import ListNamespaces
from unkey_api.areas.ratelimit.service.multi_limit import MultiLimit
from unkey_api.areas.ratelimit.service.read_overrides import GetOverride, ListOverrides
from unkey_api.areas.ratelimit.service.set_override import SetOverride
from unkey_api.rpc.exchange import Exchange, current_caller, current_exchange
from unkey_api.rpc.messages import page_size, pagination_of
from unkey_api.rpc.method import Context

METRICS_HEADER = b"x-unkey-metrics"
METRICS_OFF = b"disabled"
TEST_TIME_HEADER = b"x-test-time"


class RatelimitHandler(RatelimitService):
    """Translates, calls one use case, translates back."""

    def __init__(  # noqa: PLR0913 - one use case per operation, by name
        self,
        *,
        limit: Limit,
        multi_limit: MultiLimit,
        set_override: SetOverride,
        get_override: GetOverride,
        list_overrides: ListOverrides,
        list_namespaces: ListNamespaces,
        delete_override: DeleteOverride,
        test_mode: bool = False,
    ) -> None:
        """Take the use cases. In test mode, callers may choose the time at which a limit is decided."""
        self._limit = limit
        self._multi_limit = multi_limit
        self._set_override = set_override
        self._get_override = get_override
        self._list_overrides = list_overrides
        self._list_namespaces = list_namespaces
        self._delete_override = delete_override
        self._test_mode = test_mode

    async def limit(self, request: pb.LimitRequest, ctx: Context, /) -> pb.LimitResponse:
        """Count one request."""
        exchange = current_exchange()
        if exchange.headers.get(METRICS_HEADER) == METRICS_OFF:
            exchange.quiet = True
        principal = exchange.principal or current_caller().principal
        command = convert.to_limit(request, self._time_ms(exchange))
        return convert.from_outcome(await self._limit(principal, command, exchange, record=not exchange.quiet))

    async def multi_limit(self, request: pb.MultiLimitRequest, ctx: Context, /) -> pb.MultiLimitResponse:
        """Count several requests, all or none."""
        time_ms = self._time_ms(current_exchange())
        commands = [convert.to_limit(item, time_ms) for item in request.limits]
        return convert.from_multi_outcome(request, await self._multi_limit(current_caller(), commands))

    async def set_override(self, request: pb.SetOverrideRequest, ctx: Context, /) -> pb.SetOverrideResponse:
        """Create or change an override."""
        override_id = await self._set_override(current_caller(), convert.to_set_override(request))
        return pb.SetOverrideResponse(override_id=override_id)

    async def get_override(self, request: pb.GetOverrideRequest, ctx: Context, /) -> pb.GetOverrideResponse:
        """Find the override that applies to an identifier."""
        principal = current_caller().principal
        override = await self._get_override(principal, request.namespace, request.identifier)
        return pb.GetOverrideResponse(override=convert.from_override(override))

    async def list_overrides(self, request: pb.ListOverridesRequest, ctx: Context, /) -> pb.ListOverridesResponse:
        """List the overrides of a namespace."""
        page = await self._list_overrides(
            current_caller().principal,
            request.namespace,
            cursor=request.cursor,
            limit=page_size(request, convert.DEFAULT_PAGE),
        )
        return convert.from_page(page)

    async def list_namespaces(self, request: pb.ListNamespacesRequest, ctx: Context, /) -> pb.ListNamespacesResponse:
        """List namespaces."""
        page = await self._list_namespaces(
            current_caller().principal,
            cursor=request.cursor,
            search=request.search,
            limit=page_size(request),
        )
        return pb.ListNamespacesResponse(
            namespaces=[
                pb.Namespace(id=row.id, name=row.name, created_at=row.created_at_m, updated_at=row.updated_at_m)
                for row in page.items
            ],
            pagination=pagination_of(page),
        )

    async def delete_override(self, request: pb.DeleteOverrideRequest, ctx: Context, /) -> pb.DeleteOverrideResponse:
        """Delete an override."""
        await self._delete_override(current_caller(), request.namespace, request.identifier)
        return pb.DeleteOverrideResponse()

    def _time_ms(self, exchange: Exchange) -> int:
        return convert.to_time_ms(exchange.header(TEST_TIME_HEADER)) if self._test_mode else 0
