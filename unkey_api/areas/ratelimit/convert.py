"""Between protobuf and the types of this package."""

from __future__ import annotations

import structlog
from unkey_proto.unkey.ratelimit.v2 import ratelimit_pb as pb

from unkey_api.areas.ratelimit.service.set_override import SetOverrideCommand
from unkey_api.areas.ratelimit.types import LimitCommand, LimitOutcome, MultiLimitOutcome, Override
from unkey_api.core.paging import Page
from unkey_api.rpc.messages import pagination_of

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
