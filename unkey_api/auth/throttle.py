"""Slow down workspaces that call too often."""

from __future__ import annotations

from collections.abc import Awaitable

import structlog

from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.areas.ratelimit.engine.types import Check, Decision, InvalidCheck
from unkey_api.auth.workspaces import LimitsCache, WorkspaceLimits, find_workspace_limits
from unkey_api.core.clock import Clock
from unkey_api.core.errors import AppError, ErrorCode
from unkey_api.core.principal import Principal
from unkey_api.infra.mysql import ReadsOf

NAMESPACE = "workspace.ratelimit"  # not one of a customer: no row, no analytics
WINDOW_MS = 60_000

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class WorkspaceRateLimited(AppError):
    """The workspace has called too often within the last minute."""

    code = ErrorCode.USER_TOO_MANY_REQUESTS_WORKSPACE_RATE_LIMITED

    def __init__(self, per_minute: int) -> None:
        super().__init__(
            f"This workspace has exceeded its API rate limit of {per_minute}/1m0s. Please try again later."
        )


class RequestThrottle:
    """Counts requests per workspace and minute. Lets everything pass that it cannot judge.

    Warm, it waits for nothing. Satisfies `Throttle` of the interceptors.
    """

    def __init__(self, cache: LimitsCache, reads_of: ReadsOf, limiter: RateLimiter, *, clock: Clock) -> None:
        self._cache = cache
        self._reads_of = reads_of
        self._limiter = limiter
        self._clock = clock

    def admit(self, principal: Principal, headers: list[tuple[bytes, bytes]]) -> Awaitable[None] | None:
        """Count one request, adding headers that tell the state of the limit, if there is one.

        Returns None when that is done, and what to wait for when it is not, which raises:
            WorkspaceRateLimited: It is one too many.
        """
        workspace_id = principal.workspace_id
        found = self._cache.peek(workspace_id)
        if found is None:
            return self._load_and_count(workspace_id, headers)
        if found.value is None or found.value.requests_per_minute is None:
            return None
        return self._count(workspace_id, found.value, headers)

    async def _load_and_count(self, workspace_id: str, headers: list[tuple[bytes, bytes]]) -> None:
        await self._count(workspace_id, await self._load(workspace_id), headers)

    async def _count(
        self, workspace_id: str, limits: WorkspaceLimits | None, headers: list[tuple[bytes, bytes]]
    ) -> None:
        if limits is None or limits.requests_per_minute is None:
            return
        if limits.requests_per_minute == 0:
            raise WorkspaceRateLimited(0)
        check = Check(workspace_id, NAMESPACE, workspace_id, limits.requests_per_minute, WINDOW_MS)
        decision = self._limiter.try_limit_now(check) or await self._decide(check)
        if decision is not None:
            self._report(decision, headers)

    async def _load(self, workspace_id: str) -> WorkspaceLimits | None:
        try:
            return (await self._cache.get(workspace_id, self._find)).value
        except AppError as err:
            _log.warning("workspace limits are unknown, request let through", workspace_id=workspace_id, error=str(err))
            return None

    async def _find(self, workspace_id: str) -> WorkspaceLimits | None:
        return await find_workspace_limits(self._reads_of(workspace_id), workspace_id)

    async def _decide(self, check: Check) -> Decision | None:
        try:
            return await self._limiter.limit(check)
        except InvalidCheck as err:
            _log.warning(
                "workspace limit cannot be checked, request let through",
                workspace_id=check.workspace_id,
                error=str(err),
            )
            return None

    def _report(self, decision: Decision, headers: list[tuple[bytes, bytes]]) -> None:
        reset = b"%d" % max(0, (decision.reset_ms - self._clock.now_ms()) // 1000)
        headers += (
            (b"ratelimit-limit", b"%d" % decision.limit),
            (b"ratelimit-remaining", b"%d" % decision.remaining),
            (b"ratelimit-reset", reset),
        )
        if not decision.success:
            headers.append((b"retry-after", reset))
            raise WorkspaceRateLimited(decision.limit)
