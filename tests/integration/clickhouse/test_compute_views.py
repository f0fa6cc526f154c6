"""The roll-ups of gateway requests and of what containers use."""

from __future__ import annotations

import json
import secrets
import time

import pytest

from unkey_api.infra.clickhouse.client import ClickHouseClient, ClickHouseRefused
from unkey_api.infra.clickhouse.migrate import migrate, schema_objects

pytestmark = pytest.mark.integration
HOUR_MS = 3_600_000


async def insert(client: ClickHouseClient, table: str, *rows: dict[str, object]) -> None:
    await client.insert(f"INSERT INTO {table} FORMAT JSONEachRow", [json.dumps(row).encode() + b"\n" for row in rows])


async def test_gateway_requests_are_rolled_up(clickhouse_client: ClickHouseClient) -> None:
    workspace, now = f"ws_{secrets.token_hex(6)}", int(time.time() * 1_000)
    row = {"workspace_id": workspace, "time": now, "response_status": 200}
    await insert(
        clickhouse_client,
        "frontline_requests_raw_v1",
        *({**row, "total_latency": latency} for latency in (10, 20, 30)),
    )
    for step in ("minute", "5m", "15m", "hour", "day"):
        (found,) = await clickhouse_client.fetch(
            "SELECT sum(count) AS n, quantileTDigestMerge(0.5)(latency_p50) AS p50 "
            f"FROM frontline_requests_per_{step}_v1 WHERE workspace_id = '{workspace}'"
        )
        assert found == {"n": 3, "p50": 20}, step


async def test_usage_is_made_of_pairs_of_readings(clickhouse_client: ClickHouseClient) -> None:
    """A counter that went back is a container that began again; a gap is nobody's usage."""
    workspace = f"ws_{secrets.token_hex(6)}"
    begin = int(time.time() * 1_000) // HOUR_MS * HOUR_MS - HOUR_MS
    gib = 2**30
    readings = ((0, 0, gib, 0), (60, 6_000_000, gib, 10), (120, 3_000_000, 2 * gib, 30), (900, 90_000_000, gib, 900))
    await insert(
        clickhouse_client,
        "instance_checkpoints_v1",
        *(
            {
                "workspace_id": workspace,
                "container_uid": "c",
                "resource_id": "r",
                "event_kind": "checkpoint",
                "ts": begin + seconds * 1_000,
                "cpu_usage_usec": cpu,
                "memory_bytes": memory,
                "network_egress_public_bytes": sent,
                "attributes": {"network_attached": True},
            }
            for seconds, cpu, memory, sent in readings
        ),
    )
    for view in ("instance_usage_per_hour_mv_v1", "instance_usage_per_hour_catchup_mv_v1"):
        definition = next(each.statement for each in schema_objects() if each.name == view).partition(" AS\n")[2]
        (found,) = await clickhouse_client.fetch(f"SELECT * FROM ({definition}) WHERE workspace_id = '{workspace}'")
        assert found["cpu_seconds"] == 6
        assert found["memory_gib_hours"] == pytest.approx(120 / 3_600)
        assert (found["network_egress_public_bytes"], found["sample_pairs"]) == (30, 2)


class WithoutSchedules(ClickHouseClient):
    """A server from before scheduled views."""

    def __init__(self, client: ClickHouseClient) -> None:
        self._client = client
        self.created: list[str] = []

    @property
    def database(self) -> str:
        return self._client.database

    async def fetch(self, query: str, **_: object) -> list[dict[str, object]]:
        return []

    async def execute(self, statement: str, *, settings: object = None) -> None:
        if " REFRESH EVERY " in statement:
            raise ClickHouseRefused("Code: 62. DB::Exception: Syntax error (SYNTAX_ERROR)")
        self.created.append(statement)


async def test_a_server_without_scheduled_views_goes_without_them(clickhouse_client: ClickHouseClient) -> None:
    old = WithoutSchedules(clickhouse_client)

    names = await migrate(old)

    assert set(names) == {each.name for each in schema_objects() if not each.is_scheduled}
    assert len(schema_objects()) - len(names) == 2
