"""Count a request against a limit, or several against theirs, all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from unkey_api.areas.ratelimit import requirements
from unkey_api.areas.ratelimit.engine.limiter import RateLimiter
from unkey_api.areas.ratelimit.engine.types import Check, Decision
from unkey_api.areas.ratelimit.namespaces import NamespaceCreation, Namespaces
from unkey_api.areas.ratelimit.requirements import ANY_LIMIT, limit_all
from unkey_api.areas.ratelimit.types import LimitCommand, LimitOutcome, MultiLimitOutcome, Namespace, NamespaceGone
from unkey_api.core.clock import Clock
from unkey_api.core.principal import Caller, Principal
from unkey_api.core.rbac import require
from unkey_api.infra.batching.batcher import Sink
from unkey_api.infra.clickhouse.rows import RatelimitRow


class Origin(Protocol):
    """The request that asks. Who sent it is worked out only where something is written about it."""

    @property
    def request_id(self) -> str:
        """Identity of the request."""
        ...

    def caller(self) -> Caller:
        """Return who sent it and from where."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What counting works with, be it one request or several."""

    namespaces: Namespaces
    creation: NamespaceCreation
    limiter: RateLimiter
    rows: Sink[RatelimitRow]
    clock: Clock


class Limit:
    """Counts one request. Warm, it waits for nothing: neither MySQL nor the store of counters is asked."""

    def __init__(self, counting: Counting) -> None:
        self._with = counting

    async def __call__(
        self, principal: Principal, command: LimitCommand, origin: Origin, *, record: bool
    ) -> LimitOutcome:
        """Count `command.cost` and say whether it fits.

        Args:
            principal: Who asks.
            command: What to count.
            origin: The request that asks.
            record: Whether the decision becomes a row of the analytics.

        Raises:
            InsufficientPermissions: The caller may not count here, or would have to create the namespace and may not.
            NamespaceGone: The namespace is deleted.
            StoreUnavailable: The namespace is not known here and could not be read or created.
        """
        found = self._with.namespaces.peek(principal.workspace_id, command.namespace)
        namespace = found.value if found is not None else await self._find(principal, command.namespace)
        if namespace is None:
            namespace = await self._with.creation.ensure(origin.caller(), command.namespace)
        if namespace.deleted:
            raise NamespaceGone
        if ANY_LIMIT not in principal.permissions and namespace.limit_grant not in principal.permissions:
            require(principal.permissions, requirements.limit(principal.workspace_id, namespace.id))
        now_ms = self._with.clock.now_ms()
        check, override_id = build_check(principal.workspace_id, namespace, command, command.time_ms or now_ms)
        decision = self._with.limiter.try_limit_now(check)
        latency_ms = 0
        if decision is None:
            decision, latency_ms = await self._ask_store(check)
            now_ms = self._with.clock.now_ms()
        if record:
            self._with.rows.add(analytics_row(origin.request_id, now_ms, check, decision, override_id, latency_ms))
        return LimitOutcome(decision, override_id)

    async def _find(self, principal: Principal, key: str) -> Namespace | None:
        return await self._with.namespaces.find(principal.workspace_id, key)

    async def _ask_store(self, check: Check) -> tuple[Decision, int]:
        """Return the decision and how many whole milliseconds it took."""
        started = self._with.clock.monotonic()
        decision = await self._with.limiter.limit(check)
        return decision, int((self._with.clock.monotonic() - started) * 1000)


def build_check(workspace_id: str, namespace: Namespace, command: LimitCommand, time_ms: int) -> tuple[Check, str]:
    """Return the check for a request and the id of the override that applies, empty if none does."""
    override = namespace.overrides.match(command.identifier)
    if override is None:
        limit, duration_ms, override_id = command.limit, command.duration_ms, ""
    else:
        limit, duration_ms, override_id = override.limit, override.duration_ms, override.id
    check = Check(workspace_id, namespace.id, command.identifier, limit, duration_ms, command.cost, time_ms)
    return check, override_id


def analytics_row(
    request_id: str, time_ms: int, check: Check, decision: Decision, override_id: str, latency_ms: float
) -> RatelimitRow:
    """Return the event that reports a decision."""
    workspace_id, namespace_id, identifier, _, _, cost, _ = check
    passed, remaining, reset_ms, limit, _ = decision
    return RatelimitRow(
        request_id,
        time_ms,
        workspace_id,
        namespace_id,
        identifier,
        passed,
        float(latency_ms),
        override_id,
        limit,
        remaining,
        reset_ms,
        cost,
    )


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
