"""The decision itself."""

from __future__ import annotations

from dataclasses import dataclass

from unkey_api.areas.keys.verification.directory import KeyDirectory
from unkey_api.areas.keys.verification.limits import count, planned_checks, refuse_short_windows
from unkey_api.areas.keys.verification.migration import MigratedKeys
from unkey_api.areas.keys.verification.types import (
    UNKNOWN_KEY,
    Credits,
    Limiter,
    LimitResult,
    Status,
    Verdict,
    VerifiableKey,
    Verification,
)
from unkey_api.core.clock import Clock
from unkey_api.core.keymaterial import hash_key
from unkey_api.core.permission_query import Query, parse
from unkey_api.core.principal import Caller
from unkey_api.core.rbac import is_allowed
from unkey_api.infra.batching.batcher import Sink
from unkey_api.infra.clickhouse.rows import KeyVerificationRow

DEFAULT_COST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationParts:
    """What verification works with."""

    directory: KeyDirectory
    migrated: MigratedKeys
    limiter: Limiter
    credits: Credits
    events: Sink[KeyVerificationRow]
    clock: Clock
    region: str


class VerifyKey:
    """Decides whether a presented key may be used."""

    def __init__(self, parts: VerificationParts) -> None:
        self._directory = parts.directory
        self._peek = parts.directory.peek
        self._loaded = parts.directory.counts.key
        self._migrated = parts.migrated
        self._limiter = parts.limiter
        self._credits = parts.credits
        self._events = parts.events
        self._clock = parts.clock
        self._region = parts.region

    async def __call__(self, caller: Caller, ask: Verification) -> Verdict:
        """Check existence, address, permissions, limits and credits, in this order; the first failure decides.

        A key the caller may not verify looks like one that does not exist. Limits that were counted stay counted when
        credits run out. One event is written per verdict about a known key.

        Raises:
            PermissionQuerySyntaxError: The permission query cannot be read.
            DurationTooShort: A made-up limit has a window below one second.
            UnknownLimit: A limit was named that the key does not have.
            MalformedKey: With a migration: the key cannot be one of it.
            KeyNotLoaded: The key is not cached and the database failed.
        """
        started = self._clock.monotonic()
        key_hash = hash_key(ask.key)
        cached = self._peek(key_hash)
        key = cached.value if cached is not None else await self._directory.find(key_hash)
        if ask.migration_id is not None and (key is None or key.standing is Status.NOT_FOUND):
            key = await self._migrated.find(caller.principal.workspace_id, ask.migration_id, ask.key, key_hash=key_hash)
        now_ms = self._clock.now_ms()
        status = Status.NOT_FOUND if key is None else key.status_at(now_ms)
        self._loaded[status] += 1
        if key is None or not _may_see(caller, key, ask):
            return UNKNOWN_KEY
        query = None if ask.permissions is None else parse(ask.permissions)
        if ask.ratelimits:
            refuse_short_windows(ask.ratelimits)
        if status is Status.VALID:
            verdict = _judge_now(caller, key, ask, query) or await self._judge(key, ask)
            tags = ask.tags
        else:
            verdict = Verdict(status, key, key.remaining)
            tags = ()
        self._events.add(
            KeyVerificationRow(
                caller.request_id,
                now_ms,
                key.workspace_id,
                key.keyspace_id,
                key.identity.id if key.identity else "",
                key.identity.external_id if key.identity else "",
                key.id,
                self._region,
                str(verdict.status),
                tags,
                verdict.spent,
                float((self._clock.monotonic() - started) * 1_000 // 1),
            )
        )
        return verdict

    async def _judge(self, key: VerifiableKey, ask: Verification) -> Verdict:
        """Judge by what has to be counted."""
        results: tuple[LimitResult, ...] = ()
        checks = planned_checks(key, ask.ratelimits)
        if checks:
            passed, results = await count(self._limiter, checks)
            if not passed:
                return Verdict(Status.RATE_LIMITED, key, key.remaining, results)
        if key.remaining is None:
            return Verdict(Status.VALID, key, None, results)
        cost = DEFAULT_COST if ask.cost is None else ask.cost
        spend = await self._credits.spend(key.id, cost)
        if not spend.allowed:
            return Verdict(Status.USAGE_EXCEEDED, key, spend.remaining, results)
        return Verdict(Status.VALID, key, spend.remaining, results, cost)


def _judge_now(caller: Caller, key: VerifiableKey, ask: Verification, query: Query | None) -> Verdict | None:
    """Judge by address and permissions; None when limits or credits decide."""
    if key.ip_whitelist is not None and not key.ip_whitelist.holds(caller.remote_ip):
        return Verdict(Status.FORBIDDEN, key, key.remaining)
    if query is not None and not query.holds(key.slugs):
        return Verdict(Status.INSUFFICIENT_PERMISSIONS, key, key.remaining)
    if key.automatic or ask.ratelimits or key.remaining is not None:
        return None
    return Verdict(Status.VALID, key)


def _may_see(caller: Caller, key: VerifiableKey, ask: Verification) -> bool:
    """Say whether the caller may learn anything about the key."""
    principal = caller.principal
    if key.workspace_id != principal.workspace_id:
        return False
    if key.standing in _HIDDEN or (ask.keyspaces and key.keyspace_id not in ask.keyspaces):
        return False
    return is_allowed(principal.permissions, key.may_verify)


_HIDDEN = frozenset({Status.NOT_FOUND, Status.WORKSPACE_NOT_FOUND})
