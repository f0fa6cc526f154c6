"""Rows through the writer into tables and rollups, on the real engine."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import pytest

from unkey_api.infra.batching.batcher import Block, FlushReason
from unkey_api.infra.clickhouse.client import ClickHouseClient
from unkey_api.infra.clickhouse.migrate import migrate, schema_objects
from unkey_api.infra.clickhouse.rows import ApiRequestRow, KeyVerificationRow, RatelimitRow
from unkey_api.infra.clickhouse.writer import (
    API_REQUESTS,
    KEY_VERIFICATIONS,
    RATELIMITS,
    FlushOutcome,
    FlushReport,
    Table,
    TableWriter,
    encode_row,
)

pytestmark = pytest.mark.integration

NOON = 1_795_435_200_000  # 2026-11-23 12:00 UTC


@pytest.fixture
def workspace() -> str:
    return f"ws_{uuid.uuid4().hex[:12]}"


def verification(workspace: str, number: int, outcome: str = "VALID") -> KeyVerificationRow:
    return KeyVerificationRow(
        request_id=f"req_{number}",
        time=NOON + number,
        workspace_id=workspace,
        key_space_id="ks_1",
        identity_id="id_1",
        external_id="user_1",
        key_id="key_1",
        region="local",
        outcome=outcome,
        tags=["a=b", "quote'\"\\\n\t"],
        spent_credits=2,
        latency=1.5,
    )


def ratelimit(workspace: str, *, passed: bool, time: int = NOON) -> RatelimitRow:
    return RatelimitRow(
        request_id="req_1",
        time=time,
        workspace_id=workspace,
        namespace_id="rlns_1",
        identifier="user_1",
        passed=passed,
        latency=0.25,
        override_id="",
        limit=10,
        remaining=2**63,
        reset_at=NOON + 60_000,
        tokens=3,
    )


def block(*rows: NamedTuple) -> list[Block]:
    """Return a batch of one block."""
    return [Block(len(rows), b"".join(encode_row(each) + b"\n" for each in rows))]


async def write(client: ClickHouseClient, table: Table[KeyVerificationRow], *rows: KeyVerificationRow) -> FlushReport:
    reports: list[FlushReport] = []
    await TableWriter(client, table, report=reports.append)(block(*rows), FlushReason.CLOSE)
    return reports[0]


async def test_migrating_again_creates_nothing(clickhouse_client: ClickHouseClient) -> None:
    assert await migrate(clickhouse_client) == []


async def test_what_is_missing_is_created_again(clickhouse_client: ClickHouseClient) -> None:
    """Nothing else may depend on this view: no test writes gateway or audit events."""
    await clickhouse_client.execute("DROP TABLE audit_logs_raw_v1")
    assert await migrate(clickhouse_client) == ["audit_logs_raw_v1"]


async def test_every_schema_file_is_a_table_of_the_same_name(clickhouse_client: ClickHouseClient) -> None:
    rows = await clickhouse_client.fetch("SELECT name FROM system.tables WHERE database = currentDatabase()")
    names = {row["name"] for row in rows}
    assert {item.name for item in schema_objects()} <= names


async def test_verifications_arrive_whole_and_are_rolled_up(
    clickhouse_client: ClickHouseClient, workspace: str
) -> None:
    rows = [verification(workspace, 1), verification(workspace, 2), verification(workspace, 3, "RATE_LIMITED")]
    report = await write(clickhouse_client, KEY_VERIFICATIONS, *rows)
    assert (report.outcome, report.rows, report.attempts) == (FlushOutcome.WRITTEN, 3, 1)
    stored = await clickhouse_client.fetch(
        f"SELECT * FROM key_verifications_raw_v2 WHERE workspace_id = '{workspace}' ORDER BY time"
    )
    assert stored == [row._asdict() for row in rows]
    for period in ("minute", "hour", "day", "month"):
        rolled = await clickhouse_client.fetch(
            "SELECT outcome, sum(count) AS count, sum(spent_credits) AS credits, avgMerge(latency_avg) AS mean, "
            "quantilesTDigestMerge(0.75)(latency_p75) AS p75, quantilesTDigestMerge(0.99)(latency_p99) AS p99 "
            f"FROM key_verifications_per_{period}_v3 WHERE workspace_id = '{workspace}' "
            "GROUP BY outcome ORDER BY outcome"
        )
        assert rolled == [
            {"outcome": "RATE_LIMITED", "count": 1, "credits": 2, "mean": 1.5, "p75": [1.5], "p99": [1.5]},
            {"outcome": "VALID", "count": 2, "credits": 4, "mean": 1.5, "p75": [1.5], "p99": [1.5]},
        ]
    billed = await clickhouse_client.fetch(
        f"SELECT year, month, sum(count) AS count FROM billable_verifications_per_month_v2 "
        f"WHERE workspace_id = '{workspace}' GROUP BY year, month"
    )
    assert billed == [{"year": 2026, "month": 11, "count": 2}]
    last = await clickhouse_client.fetch(
        f"SELECT max(time) AS time FROM key_last_used_v1 WHERE workspace_id = '{workspace}'"
    )
    assert last == [{"time": NOON + 3}]


async def test_a_batch_that_is_sent_again_counts_once_everywhere(
    clickhouse_client: ClickHouseClient, workspace: str
) -> None:
    """The answer to an insert can get lost; the repeated batch must change neither rows nor rollups nor the bill."""
    for _ in range(3):
        await write(clickhouse_client, KEY_VERIFICATIONS, verification(workspace, 1), verification(workspace, 2))
    for table, count in (
        ("key_verifications_raw_v2", "count()"),
        ("key_verifications_per_minute_v3", "sum(count)"),
        ("key_verifications_per_month_v3", "sum(count)"),
        ("billable_verifications_per_month_v2", "sum(count)"),
    ):
        found = await clickhouse_client.fetch(f"SELECT {count} AS n FROM {table} WHERE workspace_id = '{workspace}'")
        assert found == [{"n": 2}], table


async def test_gateway_verifications_are_not_billed(clickhouse_client: ClickHouseClient, workspace: str) -> None:
    await write(clickhouse_client, KEY_VERIFICATIONS, verification(workspace, 1)._replace(source="gateway"))
    billed = await clickhouse_client.fetch(
        f"SELECT sum(count) AS n FROM billable_verifications_per_month_v2 WHERE workspace_id = '{workspace}'"
    )
    assert billed == [{"n": 0}]


async def test_ratelimit_rows_and_their_rollups(clickhouse_client: ClickHouseClient, workspace: str) -> None:
    rows = [ratelimit(workspace, passed=True), ratelimit(workspace, passed=False, time=NOON + 5)]
    await TableWriter(clickhouse_client, RATELIMITS, report=lambda _: None)(block(*rows), FlushReason.CLOSE)
    stored = await clickhouse_client.fetch(
        f"SELECT * FROM ratelimits_raw_v2 WHERE workspace_id = '{workspace}' ORDER BY time"
    )
    assert stored == [row._asdict() for row in rows]
    rolled = await clickhouse_client.fetch(
        "SELECT sum(total) AS total, sum(passed) AS passed, sum(total_tokens) AS tokens, "
        f"sum(passed_tokens) AS passed_tokens FROM ratelimits_per_month_v2 WHERE workspace_id = '{workspace}'"
    )
    assert rolled == [{"total": 2, "passed": 1, "tokens": 6, "passed_tokens": 3}]
    last = await clickhouse_client.fetch(
        f"SELECT max(time) AS time FROM ratelimits_last_used_v2 WHERE workspace_id = '{workspace}'"
    )
    assert last == [{"time": NOON + 5}]


async def test_api_request_rows_and_their_rollups(clickhouse_client: ClickHouseClient, workspace: str) -> None:
    row = ApiRequestRow(
        request_id="req_1",
        time=NOON,
        workspace_id=workspace,
        host="api.example.com",
        method="POST",
        path="/v2/keys.verifyKey",
        query_string="a=1&a=2",
        query_params={"a": ["1", "2"]},
        request_headers=["Accept: */*"],
        request_body='{"key":"[REDACTED]"}',
        response_status=200,
        response_headers=["Content-Type: application/json"],
        response_body='{"é":"\U0001f511"}',
        error="",
        service_latency=7,
        user_agent="curl",
        ip_address="203.0.113.9",
        region="local",
    )
    await TableWriter(clickhouse_client, API_REQUESTS, report=lambda _: None)(block(row), FlushReason.CLOSE)
    stored = await clickhouse_client.fetch(f"SELECT * FROM api_requests_raw_v2 WHERE workspace_id = '{workspace}'")
    assert stored == [row._asdict()]
    rolled = await clickhouse_client.fetch(
        f"SELECT path, response_status, sum(count) AS n FROM api_requests_per_month_v2 "
        f"WHERE workspace_id = '{workspace}' GROUP BY path, response_status"
    )
    assert rolled == [{"path": "/v2/keys.verifyKey", "response_status": 200, "n": 1}]
