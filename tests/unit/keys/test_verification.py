"""The decision about a key, with stores in memory that can fail."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.support.clock import FixedClock
from tests.support.reads import Direct
from unkey_api.areas.keys.credits.types import CreditDecision
from unkey_api.areas.keys.verification.directory import KeyDirectory, key_cache
from unkey_api.areas.keys.verification.migration import MigratedKeys
from unkey_api.areas.keys.verification.queries import VerifiableKeyRow
from unkey_api.areas.keys.verification.service import VerificationParts, VerifyKey
from unkey_api.areas.keys.verification.types import KeyNotLoaded, Status, Verdict, Verification
from unkey_api.areas.ratelimit.engine.types import BatchDecision, Check, Decision
from unkey_api.core.columns import UnixMs
from unkey_api.core.errors import ServiceUnavailable
from unkey_api.core.ids import ApiId, KeyHash, KeyId, KeyspaceId, WorkspaceId
from unkey_api.core.keymaterial import hash_key
from unkey_api.core.principal import Caller, Principal, SubjectType
from unkey_api.infra.batching.batcher import NullSink
from unkey_api.infra.clickhouse.rows import KeyVerificationRow
from unkey_api.infra.mysql import StoreUnavailable
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.settings.stores import CacheSettings

SECRET = "sk_secret"
ROW = VerifiableKeyRow(
    id=KeyId("key_1"),
    key_auth_id=KeyspaceId("ks_1"),
    workspace_id=WorkspaceId("ws_1"),
    for_workspace_id=None,
    name=None,
    meta=None,
    expires=None,
    enabled=True,
    remaining_requests=None,
    pending_migration_id=None,
    api_id=ApiId("api_1"),
    api_deleted_at=None,
    keyspace_deleted_at=None,
    ip_whitelist=None,
    workspace_enabled=True,
    workspace_deleted_at=None,
    for_workspace_enabled=None,
    identity_id=None,
    external_id=None,
    identity_meta=None,
    direct_permissions=None,
    role_permissions=None,
    role_names=None,
    key_limits=None,
    identity_limits=None,
)


@dataclass
class Store:
    """A connection that knows one key, counts questions and can be turned off."""

    rows: dict[KeyHash, VerifiableKeyRow] = field(default_factory=dict)
    asked: int = 0
    down: bool = False

    async def fetch_one(self, query: object, params: Any) -> Any:  # stands in for a typed query
        self.asked += 1
        if self.down:
            raise StoreUnavailable("turned off by the test")
        return self.rows.get(params["hash"])

    async def fetch_all(self, query: object, params: object) -> list[Any]:  # the same
        raise NotImplementedError


@dataclass
class Limits:
    """A limiter that allows until told otherwise and notes what it was asked."""

    denied: set[str] = field(default_factory=set)
    failing: bool = False
    cold: bool = False
    checks: list[Check] = field(default_factory=list)

    def try_limit_now(self, check: Check) -> Decision | None:
        return None if self.cold or self.failing else self._decide(check)

    async def limit(self, check: Check) -> Decision:
        if self.failing:
            raise ServiceUnavailable("away")
        return self._decide(check)

    async def limit_many(self, checks: Sequence[Check]) -> BatchDecision:
        if self.failing:
            raise ServiceUnavailable("away")
        decisions = tuple(map(self._decide, checks))
        return BatchDecision(all(decision.success for decision in decisions), decisions)

    def _decide(self, check: Check) -> Decision:
        self.checks.append(check)
        success = check.namespace not in self.denied
        return Decision(success, check.limit - check.cost if success else 0, 99, check.limit, check.cost)


@dataclass
class Purse:
    """Credits that are there or not."""

    left: int = 5
    failing: bool = False
    spent: list[int] = field(default_factory=list)

    async def spend(self, key_id: str, cost: int) -> CreditDecision:
        if self.failing:
            raise ServiceUnavailable("away")
        if cost > self.left:
            return CreditDecision(allowed=False, remaining=self.left)
        self.spent.append(cost)
        self.left -= cost
        return CreditDecision(allowed=True, remaining=self.left)


class Bench:
    """A verification with everything it depends on in the test's hands."""

    def __init__(self, row: VerifiableKeyRow = ROW) -> None:
        self.clock = FixedClock()
        self.store = Store({hash_key(SECRET): row})
        self.limits = Limits()
        self.purse = Purse()
        self.jobs = BackgroundJobs("test")
        cache = key_cache(CacheSettings(), clock=self.clock, refreshes=self.jobs)
        self.directory = KeyDirectory(cache, Direct(self.store))
        events: NullSink[KeyVerificationRow] = NullSink()
        self.verify = VerifyKey(
            VerificationParts(
                directory=self.directory,
                migrated=MigratedKeys(None, self.directory, None, self.clock),  # type: ignore[arg-type]  # never asked here
                limiter=self.limits,
                credits=self.purse,
                events=events,
                clock=self.clock,
                region="test",
            )
        )

    def ask(self, *, ip: str = "", **ask: Any) -> Coroutine[Any, Any, Verdict]:
        """Verify the one key as a caller that may."""
        granted = frozenset({"api.*.verify_key"})
        principal = Principal("ws_1", "key_root", "root key", SubjectType.ROOT_KEY, granted)
        return self.verify(Caller(principal, "req_1", ip, ""), Verification(SECRET, **ask))


LIMIT: Any = ("rl_1", "requests", 10, 60_000, 1)
EVERYTHING = replace(ROW, ip_whitelist="10.0.0.1", direct_permissions=["a"], key_limits=[LIMIT], remaining_requests=5)


class TestOrder:
    """The first check that fails decides, and nothing behind it is touched."""

    async def test_address_comes_before_permissions(self) -> None:
        bench = Bench(EVERYTHING)
        assert (await bench.ask(ip="10.0.0.2", permissions="b")).status is Status.FORBIDDEN
        assert (await bench.ask(ip="", permissions="b")).status is Status.FORBIDDEN

    async def test_permissions_come_before_limits(self) -> None:
        bench = Bench(EVERYTHING)
        bench.limits.denied = {"requests"}
        assert (await bench.ask(ip="10.0.0.1", permissions="b")).status is Status.INSUFFICIENT_PERMISSIONS
        assert bench.limits.checks == []

    async def test_limits_come_before_credits(self) -> None:
        bench = Bench(EVERYTHING)
        bench.limits.denied = {"requests"}
        verdict = await bench.ask(ip="10.0.0.1", cost=100)
        assert (verdict.status, verdict.credits, bench.purse.spent) == (Status.RATE_LIMITED, 5, [])

    async def test_tokens_are_gone_when_credits_run_out(self) -> None:
        bench = Bench(EVERYTHING)
        verdict = await bench.ask(ip="10.0.0.1", cost=100)
        assert (verdict.status, verdict.credits) == (Status.USAGE_EXCEEDED, 5)
        assert len(bench.limits.checks) == 1


class TestStanding:
    """The status at load; the first condition that holds decides."""

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({}, Status.VALID),
            ({"enabled": False, "expires": UnixMs(1)}, Status.DISABLED),
            ({"expires": UnixMs(1)}, Status.EXPIRED),
            ({"workspace_enabled": False, "enabled": False}, Status.WORKSPACE_DISABLED),
            ({"for_workspace_id": "ws_2", "for_workspace_enabled": False}, Status.WORKSPACE_DISABLED),
            ({"for_workspace_id": "ws_2", "for_workspace_enabled": True}, Status.VALID),
            ({"api_deleted_at": UnixMs(1)}, Status.NOT_FOUND),
            ({"for_workspace_id": "ws_2"}, Status.NOT_FOUND),
        ],
    )
    async def test_status_of_a_stored_key(self, changes: dict[str, Any], status: Status) -> None:
        bench = Bench(replace(ROW, **changes))
        assert (await bench.ask()).status is status

    async def test_loads_are_counted_by_status(self) -> None:
        bench = Bench(replace(ROW, enabled=False))
        await bench.ask()
        await bench.ask()
        assert bench.directory.counts.key == {Status.DISABLED: 2}


class TestOutages:
    async def test_known_keys_verify_without_the_database_until_the_stale_window_ends(self) -> None:
        bench = Bench()
        assert (await bench.ask()).status is Status.VALID
        bench.store.down = True
        bench.clock.advance(599_999)
        assert (await bench.ask()).status is Status.VALID
        await bench.jobs.idle()
        bench.clock.advance(1)
        with pytest.raises(KeyNotLoaded, match="turned off"):
            await bench.ask()

    async def test_unknown_key_is_an_error_and_not_remembered_as_absent(self) -> None:
        bench = Bench()
        bench.store.down = True
        with pytest.raises(KeyNotLoaded):
            await bench.ask()
        bench.store.down = False
        assert (await bench.ask()).status is Status.VALID

    async def test_limiter_that_cannot_decide_lets_pass_without_results(self) -> None:
        for limits in ([LIMIT], [LIMIT, ("rl_2", "other", 5, 60_000, 1)]):
            bench = Bench(replace(ROW, key_limits=limits))
            bench.limits.failing = True
            verdict = await bench.ask()
            assert (verdict.status, verdict.ratelimits) == (Status.VALID, ())

    async def test_credits_that_cannot_be_counted_are_an_error(self) -> None:
        bench = Bench(EVERYTHING)
        bench.purse.failing = True
        with pytest.raises(ServiceUnavailable):
            await bench.ask(ip="10.0.0.1")

    async def test_absent_key_is_remembered_for_the_fresh_window(self) -> None:
        bench = Bench()
        bench.store.rows.clear()
        for _ in range(3):
            assert (await bench.ask()).key is None
        assert bench.store.asked == 1


class TestWarmPath:
    async def test_warm_verification_never_waits(self) -> None:
        """Driven by hand to the end in one step: no store, no lock and no other task is in between."""
        bench = Bench(replace(EVERYTHING, remaining_requests=None))
        await bench.ask(ip="10.0.0.1")
        asked = bench.store.asked
        warm = bench.ask(ip="10.0.0.1", permissions="a", tags=("t",))
        with pytest.raises(StopIteration) as stopped:
            warm.send(None)
        assert inspect.getcoroutinestate(warm) == inspect.CORO_CLOSED
        assert stopped.value.value.status is Status.VALID
        assert bench.store.asked == asked

    async def test_limit_that_has_to_be_asked_for_is(self) -> None:
        bench = Bench(replace(ROW, key_limits=[LIMIT]))
        bench.limits.cold = True
        verdict = await bench.ask()
        assert [result.remaining for result in verdict.ratelimits] == [9]
