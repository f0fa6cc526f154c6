"""Shape of audit entries."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeVar

import pytest

from tests.support.clock import FixedClock
from tests.support.ids import CountingIds
from unkey_api.audit.service import AuditLog
from unkey_api.audit.types import AuditAction, AuditEvent, AuditLogFailed, AuditTarget, TargetType
from unkey_api.core.principal import Caller, Principal, SubjectType
from unkey_api.infra.mysql import ExecResult, Params, Query, Statement, StoreUnavailable

R = TypeVar("R")


class Outbox:
    """A `WriteConn` that keeps bulk inserts, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.inserts: list[list[Params]] = []
        self._failure = failure

    async def fetch_one(self, query: Query[R], params: Params) -> R | None:
        raise AssertionError(query.name)

    async def fetch_all(self, query: Query[R], params: Params) -> list[R]:
        raise AssertionError(query.name)

    async def execute(self, statement: Statement, params: Params) -> ExecResult:
        raise AssertionError(statement.name)

    async def execute_many(self, statement: Statement, rows: Iterable[Params]) -> int:
        if self._failure:
            raise self._failure
        self.inserts.append(list(rows))
        return len(self.inserts[-1])

    def payloads(self) -> list[dict[str, object]]:
        return [json.loads(str(row["payload"])) for insert in self.inserts for row in insert]


def a_caller(*, remote_ip: str = "1.2.3.4", user_agent: str = "curl", name: str = "ci") -> Caller:
    principal = Principal("ws_1", "key_root", name, SubjectType.ROOT_KEY, frozenset())
    return Caller(principal=principal, request_id="req_1", remote_ip=remote_ip, user_agent=user_agent)


def an_event(correlation_id: str = "") -> AuditEvent:
    target = AuditTarget(TargetType.KEY, "key_1", name="mine", meta={"a": 1})
    return AuditEvent(AuditAction.KEY_CREATE, "Created key_1", (target,), correlation_id)


@pytest.fixture
def log() -> AuditLog:
    return AuditLog(clock=FixedClock(1000), ids=CountingIds())


class TestEntry:
    async def test_everything_given(self, log: AuditLog) -> None:
        outbox = Outbox()
        await log.record(outbox, a_caller(), [an_event()], "cor_given")
        (row,) = outbox.inserts[0]
        assert {k: v for k, v in row.items() if k != "payload"} == {
            "version": "audit_log.v1",
            "workspace_id": "ws_1",
            "event_id": "log_1",
            "created_at": 1000,
        }
        assert outbox.payloads() == [
            {
                "event_id": "log_1",
                "time": 1000,
                "workspace_id": "ws_1",
                "bucket": "unkey_mutations",
                "source": "platform",
                "event": "key.create",
                "description": "Created key_1",
                "actor": {"type": "rootkey", "id": "key_root", "name": "ci"},
                "remote_ip": "1.2.3.4",
                "user_agent": "curl",
                "targets": [{"type": "key", "id": "key_1", "name": "mine", "meta": {"a": 1}}],
                "correlation_id": "cor_given",
            }
        ]

    async def test_empty_parts_are_left_out(self, log: AuditLog) -> None:
        outbox = Outbox()
        event = AuditEvent(AuditAction.API_DELETE, "Deleted", (AuditTarget(TargetType.API, "api_1"),))
        await log.record(outbox, a_caller(remote_ip="", user_agent="", name=""), [event])
        (payload,) = outbox.payloads()
        assert payload["actor"] == {"type": "rootkey", "id": "key_root"}
        assert payload["targets"] == [{"type": "api", "id": "api_1"}]
        assert not payload.keys() & {"remote_ip", "user_agent", "meta", "correlation_id"}

    async def test_event_without_targets(self, log: AuditLog) -> None:
        outbox = Outbox()
        await log.record(outbox, a_caller(), [AuditEvent(AuditAction.WORKSPACE_UPDATE, "Updated")])
        assert "targets" not in outbox.payloads()[0]


class TestCorrelation:
    async def test_one_event_alone_has_none(self, log: AuditLog) -> None:
        outbox = Outbox()
        await log.record(outbox, a_caller(), [an_event()])
        assert "correlation_id" not in outbox.payloads()[0]

    async def test_several_share_a_new_one_but_keep_their_own(self, log: AuditLog) -> None:
        outbox = Outbox()
        await log.record(outbox, a_caller(), [an_event(), an_event("cor_own"), an_event()])
        assert [payload["correlation_id"] for payload in outbox.payloads()] == ["cor_1", "cor_own", "cor_1"]
        assert [payload["event_id"] for payload in outbox.payloads()] == ["log_1", "log_2", "log_3"]

    async def test_the_given_one_beats_a_new_one(self, log: AuditLog) -> None:
        outbox = Outbox()
        await log.record(outbox, a_caller(), [an_event(), an_event()], "cor_given")
        assert {payload["correlation_id"] for payload in outbox.payloads()} == {"cor_given"}


class TestWriting:
    async def test_one_insert_for_all(self, log: AuditLog) -> None:
        outbox = Outbox()
        await log.record(outbox, a_caller(), [an_event()] * 30)
        assert [len(insert) for insert in outbox.inserts] == [30]

    async def test_no_events_no_insert(self, log: AuditLog) -> None:
        outbox = Outbox()
        await log.record(outbox, a_caller(), [])
        assert outbox.inserts == []

    async def test_failure_is_named_and_keeps_its_cause(self, log: AuditLog) -> None:
        """The transaction replays after a deadlock only if it can still see it."""
        deadlock = StoreUnavailable("deadlock", errno=1213, transient=True)
        with pytest.raises(AuditLogFailed) as caught:
            await log.record(Outbox(deadlock), a_caller(), [an_event()])
        assert caught.value.public == "Failed to insert audit logs"
        assert caught.value.__cause__ is deadlock
