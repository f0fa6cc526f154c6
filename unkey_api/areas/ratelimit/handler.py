"""Serves unkey.ratelimit.v2.RatelimitService."""

from __future__ import annotations

import structlog
from unkey_proto.unkey.ratelimit.v2 import ratelimit_pb as pb
from unkey_proto.unkey.ratelimit.v2.ratelimit_connect import RatelimitService

from unkey_api.areas.ratelimit.service.limit import Limit, MultiLimit
from unkey_api.areas.ratelimit.service.namespaces import (
    DeleteOverride,
    GetOverride,
    ListNamespaces,
    ListOverrides,
    SetOverride,
    SetOverrideCommand,
)
from unkey_api.areas.ratelimit.types import LimitCommand, LimitOutcome, MultiLimitOutcome, Override
from unkey_api.core.paging import Page
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
        command = to_limit(request, self._time_ms(exchange))
        return from_outcome(await self._limit(principal, command, exchange, record=not exchange.quiet))

    async def multi_limit(self, request: pb.MultiLimitRequest, ctx: Context, /) -> pb.MultiLimitResponse:
        """Count several requests, all or none."""
        time_ms = self._time_ms(current_exchange())
        commands = [to_limit(item, time_ms) for item in request.limits]
        return from_multi_outcome(request, await self._multi_limit(current_caller(), commands))

    async def set_override(self, request: pb.SetOverrideRequest, ctx: Context, /) -> pb.SetOverrideResponse:
        """Create or change an override."""
        override_id = await self._set_override(current_caller(), to_set_override(request))
        return pb.SetOverrideResponse(override_id=override_id)

    async def get_override(self, request: pb.GetOverrideRequest, ctx: Context, /) -> pb.GetOverrideResponse:
        """Find the override that applies to an identifier."""
        principal = current_caller().principal
        override = await self._get_override(principal, request.namespace, request.identifier)
        return pb.GetOverrideResponse(override=from_override(override))

    async def list_overrides(self, request: pb.ListOverridesRequest, ctx: Context, /) -> pb.ListOverridesResponse:
        """List the overrides of a namespace."""
        page = await self._list_overrides(
            current_caller().principal,
            request.namespace,
            cursor=request.cursor,
            limit=page_size(request, DEFAULT_PAGE),
        )
        return from_page(page)

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
        return to_time_ms(exchange.header(TEST_TIME_HEADER)) if self._test_mode else 0


DEFAULT_COST = 1
DEFAULT_PAGE = 50  # what callers have always got; the published default of 10 never applied

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def to_limit(request: pb.LimitRequest, time_ms: int) -> LimitCommand:
    """Return the command of one request."""
    cost = request.cost
    if not cost and not request.has_field("cost"):  # asking for presence costs more than all of the rest
        cost = DEFAULT_COST
    return LimitCommand(request.namespace, request.identifier, request.limit, request.duration, cost, time_ms)


def to_time_ms(header: str | None) -> int:
    """Return the instant a test asks for, in Unix milliseconds; 0 when there is none or it cannot be read."""
    if header is None:
        return 0
    try:
        return int(header)
    except ValueError:
        _log.warning("ignored an unreadable test time")
        return 0


def from_outcome(outcome: LimitOutcome) -> pb.LimitResponse:
    """Return the answer to `limit`."""
    (success, remaining, reset_ms, limit, _), override_id = outcome
    return pb.LimitResponse(success=success, limit=limit, remaining=remaining, reset=reset_ms, override_id=override_id)


def from_multi_outcome(request: pb.MultiLimitRequest, result: MultiLimitOutcome) -> pb.MultiLimitResponse:
    """Return the answer to `multiLimit`."""
    pairs = zip(request.limits, result.outcomes, strict=True)
    return pb.MultiLimitResponse(passed=result.passed, limits=[_from_item(item, outcome) for item, outcome in pairs])


def to_set_override(request: pb.SetOverrideRequest) -> SetOverrideCommand:
    """Return the command of `setOverride`."""
    return SetOverrideCommand(request.namespace, request.identifier, request.limit, request.duration)


def from_override(override: Override) -> pb.Override:
    """Return an override as it is shown."""
    return pb.Override(
        override_id=override.id,
        identifier=override.identifier,
        limit=override.limit,
        duration=override.duration_ms,
    )


def from_page(page: Page[Override]) -> pb.ListOverridesResponse:
    """Return one page of overrides."""
    return pb.ListOverridesResponse(
        overrides=[from_override(item) for item in page.items], pagination=pagination_of(page)
    )


def _from_item(item: pb.LimitRequest, outcome: LimitOutcome) -> pb.MultiLimitResult:
    (passed, remaining, reset_ms, limit, _), override_id = outcome
    return pb.MultiLimitResult(
        namespace=item.namespace,
        identifier=item.identifier,
        limit=limit,
        remaining=remaining,
        reset=reset_ms,
        passed=passed,
        override_id=override_id,
    )
