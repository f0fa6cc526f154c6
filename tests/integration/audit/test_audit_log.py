"""Audit entries join the change they report."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.support.clock import FixedClock
from tests.support.mysql import run_sql
from tests.support.statements import StatementRecorder
from tests.unit.audit.test_audit_log import an_event
from unkey_api.audit.service import AuditLog
from unkey_api.core.errors import AppError
from unkey_api.core.ids import RandomIds
from unkey_api.core.principal import Caller, Principal, SubjectType
from unkey_api.infra.mysql import Database, Dsn, WriteConn

pytestmark = pytest.mark.integration


class RefusedError(AppError):
    """The change did not work out."""


@pytest.fixture
def caller() -> Caller:
    workspace_id = f"ws_{uuid.uuid4().hex[:12]}"
    principal = Principal(workspace_id, "key_root", "root key", SubjectType.ROOT_KEY, frozenset())
    return Caller(principal=principal, request_id="req_1", remote_ip="::1", user_agent="a 'quoted' \\ agent ☃")


@pytest.fixture
def log() -> AuditLog:
    return AuditLog(clock=FixedClock(1_750_000_000_123), ids=RandomIds())


async def outbox_of(dsn: Dsn, caller: Caller) -> list[tuple[object, ...]]:
    return await run_sql(
        dsn,
        "SELECT version, event_id, payload, created_at, deleted_at FROM clickhouse_outbox "
        f"WHERE workspace_id = '{caller.principal.workspace_id}' ORDER BY pk",
    )


async def test_entries_are_committed_with_the_change(
    database: Database, mysql_dsn: Dsn, caller: Caller, log: AuditLog, statements: StatementRecorder
) -> None:
    async def change(tx: WriteConn) -> None:
        await log.record(tx, caller, [an_event(), an_event()])

    with statements.recording() as seen:
        await database.transaction("change", change)
    assert [s.name for s in seen if s.operation == "exec"] == ["clickhouse_outbox_insert"]
    rows = await outbox_of(mysql_dsn, caller)
    assert [(version, created, deleted) for version, _, _, created, deleted in rows] == [
        ("audit_log.v1", 1_750_000_000_123, None)
    ] * 2
    payload = json.loads(str(rows[0][2]))
    assert payload["user_agent"] == caller.user_agent
    assert payload["event_id"] == rows[0][1]


async def test_a_change_that_fails_leaves_no_entry(
    database: Database, mysql_dsn: Dsn, caller: Caller, log: AuditLog
) -> None:
    async def change(tx: WriteConn) -> None:
        await log.record(tx, caller, [an_event()])
        raise RefusedError("after all")

    with pytest.raises(RefusedError):
        await database.transaction("change", change)
    assert await outbox_of(mysql_dsn, caller) == []
