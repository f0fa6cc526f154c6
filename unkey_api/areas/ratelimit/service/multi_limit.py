"""Count several requests against their limits, all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unkey_api.areas.ratelimit.engine.types import Check
from unkey_api.areas.ratelimit.errors import NamespaceGone
from unkey_api.areas.ratelimit.requirements import ANY_LIMIT, limit_all
from unkey_api.areas.ratelimit.service.limit import Counting, analytics_row, build_check
from unkey_api.areas.ratelimit.types import LimitCommand, LimitOutcome, MultiLimitOutcome, Namespace
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.rbac import require


class MultiLimit:
    """Counts several requests together."""

    def __init__(self, counting: Counting) -> None:
        self._with = counting

    async def __call__(self, caller: Caller, commands: Sequence[LimitCommand]) -> MultiLimitOutcome:
        """Count all of `commands` or none, at one instant, and say what became of each.

        Raises:
            InsufficientPermissions: The caller may not count in one of the namespaces, or would have to create one and
                may not. Nothing was counted.
            NamespaceGone: One of the namespaces is deleted. Nothing was counted.
            StoreUnavailable: A namespace could not be read or created. Nothing was counted.
        """
        namespaces = await self._resolve(caller, commands)
        wanted = [namespaces[command.namespace] for command in commands]
        _require_limit(caller.principal, wanted)
        if any(namespace.deleted for namespace in wanted):
            raise NamespaceGone
        now_ms = self._with.clock.now_ms()
        workspace_id = caller.principal.workspace_id
        checks = [
            build_check(workspace_id, namespace, command, command.time_ms or now_ms)
            for namespace, command in zip(wanted, commands, strict=True)
        ]
        return await self._count(caller.request_id, checks, now_ms)

    async def _resolve(self, caller: Caller, commands: Sequence[LimitCommand]) -> Mapping[str, Namespace]:
        keys = {command.namespace for command in commands}
        found = await self._with.namespaces.find_many(caller.principal.workspace_id, keys)
        known = {key: namespace for key, namespace in found.items() if namespace is not None}
        missing = keys - known.keys()
        return {**known, **await self._with.creation.ensure_many(caller, missing)} if missing else known

    async def _count(self, request_id: str, checks: Sequence[tuple[Check, str]], now_ms: int) -> MultiLimitOutcome:
        started = self._with.clock.monotonic()
        batch = await self._with.limiter.limit_many([check for check, _ in checks])
        latency = int((self._with.clock.monotonic() - started) * 1000) / len(checks)
        outcomes = []
        for (check, override_id), decision in zip(checks, batch.decisions, strict=True):
            self._with.rows.add(analytics_row(request_id, now_ms, check, decision, override_id, latency))
            outcomes.append(LimitOutcome(decision, override_id))
        return MultiLimitOutcome(batch.passed, tuple(outcomes))


def _require_limit(principal: Principal, wanted: Sequence[Namespace]) -> None:
    permissions = principal.permissions
    if ANY_LIMIT in permissions or all(namespace.limit_grant in permissions for namespace in wanted):
        return
    require(permissions, limit_all(principal.workspace_id, (namespace.id for namespace in wanted)))
