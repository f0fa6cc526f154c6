"""Serves unkey.ratelimit.v2.RatelimitService."""

from __future__ import annotations

from dataclasses import dataclass

from connectrpc.request import RequestContext
from unkey_proto.unkey.ratelimit.v2 import ratelimit_pb as pb
from unkey_proto.unkey.ratelimit.v2.ratelimit_connect import RatelimitService

from unkey_api.areas.ratelimit import convert
from unkey_api.areas.ratelimit.service.delete_override import DeleteOverride
from unkey_api.areas.ratelimit.service.limit import Limit
from unkey_api.areas.ratelimit.service.multi_limit import MultiLimit
from unkey_api.areas.ratelimit.service.read_overrides import GetOverride, ListOverrides
from unkey_api.areas.ratelimit.service.set_override import SetOverride
from unkey_api.rpc.exchange import Exchange, current_caller, current_exchange

METRICS_HEADER = b"x-unkey-metrics"
METRICS_OFF = b"disabled"
TEST_TIME_HEADER = b"x-test-time"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatelimitUseCases:
    """What the handler calls."""

    limit: Limit
    multi_limit: MultiLimit
    set_override: SetOverride
    get_override: GetOverride
    list_overrides: ListOverrides
    delete_override: DeleteOverride


class RatelimitHandler(RatelimitService):
    """Translates, calls one use case, translates back."""

    def __init__(self, use_cases: RatelimitUseCases, *, test_mode: bool = False) -> None:
        """Take the use cases. In test mode, callers may choose the time at which a limit is decided."""
        self._limit = use_cases.limit
        self._use_cases = use_cases
        self._test_mode = test_mode

    async def limit(
        self, request: pb.LimitRequest, ctx: RequestContext[pb.LimitRequest, pb.LimitResponse], /
    ) -> pb.LimitResponse:
        """Count one request."""
        exchange = current_exchange()
        if exchange.headers.get(METRICS_HEADER) == METRICS_OFF:
            exchange.quiet = True
        principal = exchange.principal or current_caller().principal
        command = convert.to_limit(request, self._time_ms(exchange))
        return convert.from_outcome(await self._limit(principal, command, exchange, record=not exchange.quiet))

    async def multi_limit(
        self, request: pb.MultiLimitRequest, ctx: RequestContext[pb.MultiLimitRequest, pb.MultiLimitResponse], /
    ) -> pb.MultiLimitResponse:
        """Count several requests, all or none."""
        time_ms = self._time_ms(current_exchange())
        commands = [convert.to_limit(item, time_ms) for item in request.limits]
        return convert.from_multi_outcome(request, await self._use_cases.multi_limit(current_caller(), commands))

    async def set_override(
        self, request: pb.SetOverrideRequest, ctx: RequestContext[pb.SetOverrideRequest, pb.SetOverrideResponse], /
    ) -> pb.SetOverrideResponse:
        """Create or change an override."""
        override_id = await self._use_cases.set_override(current_caller(), convert.to_set_override(request))
        return pb.SetOverrideResponse(override_id=override_id)

    async def get_override(
        self, request: pb.GetOverrideRequest, ctx: RequestContext[pb.GetOverrideRequest, pb.GetOverrideResponse], /
    ) -> pb.GetOverrideResponse:
        """Find the override that applies to an identifier."""
        principal = current_caller().principal
        override = await self._use_cases.get_override(principal, request.namespace, request.identifier)
        return pb.GetOverrideResponse(override=convert.from_override(override))

    async def list_overrides(
        self,
        request: pb.ListOverridesRequest,
        ctx: RequestContext[pb.ListOverridesRequest, pb.ListOverridesResponse],
        /,
    ) -> pb.ListOverridesResponse:
        """List the overrides of a namespace."""
        page = await self._use_cases.list_overrides(
            current_caller().principal, request.namespace, cursor=request.cursor, limit=convert.to_page_size(request)
        )
        return convert.from_page(page)

    async def delete_override(
        self,
        request: pb.DeleteOverrideRequest,
        ctx: RequestContext[pb.DeleteOverrideRequest, pb.DeleteOverrideResponse],
        /,
    ) -> pb.DeleteOverrideResponse:
        """Delete an override."""
        await self._use_cases.delete_override(current_caller(), request.namespace, request.identifier)
        return pb.DeleteOverrideResponse()

    def _time_ms(self, exchange: Exchange) -> int:
        return convert.to_time_ms(exchange.header(TEST_TIME_HEADER)) if self._test_mode else 0
