"""The rate-limit stage of a verification."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from unkey_api.areas.keys.verification.record import plan
from unkey_api.areas.keys.verification.types import (
    DurationTooShort,
    LimitConfig,
    Limiter,
    LimitResult,
    PlannedCheck,
    RequestedLimit,
    UnknownLimit,
    VerifiableKey,
)
from unkey_api.areas.ratelimit.engine.types import MIN_DURATION_MS, Decision
from unkey_api.core.errors import AppError

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def refuse_short_windows(requested: Sequence[RequestedLimit]) -> None:
    """Return when every made-up limit has a window the limiter keeps.

    Raises:
        DurationTooShort: One has not. Passing it on would let the limiter fail and the request pass unlimited.
    """
    for index, limit in enumerate(requested):
        if limit.limit is not None and limit.duration_ms is not None and limit.duration_ms < MIN_DURATION_MS:
            raise DurationTooShort(index, MIN_DURATION_MS)


def planned_checks(key: VerifiableKey, requested: Sequence[RequestedLimit]) -> tuple[PlannedCheck, ...]:
    """Return what to count against: the automatic limits, overridden and extended by the requested ones.

    Raises:
        UnknownLimit: One was named that does not exist.
    """
    if not requested:
        return key.automatic
    chosen = {planned.config.name: planned for planned in key.automatic}
    for wish in requested:
        chosen[wish.name] = plan(key, _config(key, wish), cost=wish.cost)
    return tuple(chosen.values())


def _config(key: VerifiableKey, wish: RequestedLimit) -> LimitConfig:
    if wish.limit is not None and wish.duration_ms is not None:
        return LimitConfig("", wish.name, wish.limit, wish.duration_ms, auto_apply=False, of_identity=False)
    config = key.limits.get(wish.name)
    if config is None:
        identity = key.identity
        raise UnknownLimit(wish.name, key.id, (identity.id, identity.external_id) if identity else None)
    return config


async def count(limiter: Limiter, checks: Sequence[PlannedCheck]) -> tuple[bool, tuple[LimitResult, ...]]:
    """Count against all limits or none, and say whether all of them let the request pass.

    A limiter that cannot decide lets it pass, and there are no results: its trouble is not the caller's.
    """
    try:
        if len(checks) == 1:
            config, check = checks[0]
            decision = limiter.try_limit_now(check)
            if decision is None:
                decision = await limiter.limit(check)
            return decision.success, (_result(config, decision),)
        batch = await limiter.limit_many([planned.check for planned in checks])
    except AppError as err:
        _log.warning("rate limits not counted", error=err.internal or str(err))
        return True, ()
    return batch.passed, tuple(map(_result, (planned.config for planned in checks), batch.decisions))


def _result(config: LimitConfig, decision: Decision) -> LimitResult:
    return LimitResult(config, not decision.success, decision.remaining, decision.reset_ms)
