"""Every request leaves one analytics row in ClickHouse, and no row holds a secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.asgi import Client
from tests.support.clock import FixedClock
from tests.support.harness import Harness, configuration
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.core.clock import SystemClock
from unkey_api.dev.servers import ClickHouse
from unkey_api.infra.clickhouse.client import ClickHouseClient
from unkey_api.infra.mysql import Dsn
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration


async def rows_of(client: ClickHouseClient, table: str) -> list[dict[str, Any]]:
    """Return all rows of a table by column name."""
    return [dict(row) for row in await client.fetch(f"SELECT * FROM {table}")]


async def test_rows_are_written_when_the_service_closes_and_carry_no_secret(
    api: Harness,
    mysql_server: MysqlServer,
    mysql_dsn: Dsn,
    redis_server: RedisServer,
    clickhouse_server: ClickHouse,
    clickhouse_client: ClickHouseClient,
) -> None:
    caller = await api.admin()
    created = (await api.post("/v2/apis.createApi", {"name": "rows"}, caller)).json["data"]
    toml = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
    toml += f'\n[clickhouse]\nurl = "{clickhouse_server.url}"'
    async with open_application(load_settings(toml, {}), Runtime(clock=FixedClock(SystemClock().now_ms()))) as served:
        client = Client(served.app)
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {caller.root_key}",
            "cookie": "portal_session=hush",
            "user-agent": "rows/1",
        }
        issued = await client.post("/v2/keys.createKey", {"apiId": created["apiId"]}, headers=headers)
        secret = issued.json["data"]["key"]
        verified = await client.post("/v2/keys.verifyKey", {"key": secret, "tags": ["t"]}, headers=headers)
        refused = await client.post("/v2/keys.verifyKey", {}, headers=headers)
        limit = {"namespace": "rows", "identifier": "u", "limit": 1, "duration": 1000}
        limited = await client.post("/v2/ratelimit.limit", limit, headers=headers)
        quiet = await client.post("/v2/ratelimit.limit", limit, headers=headers | {"x-unkey-metrics": "disabled"})
        await client.request("GET", "/v2/liveness", b"")
    ids = [answer.json["meta"]["requestId"] for answer in (issued, verified, refused, limited)]
    rows = {row["request_id"]: row for row in await rows_of(clickhouse_client, "api_requests_raw_v2")}
    assert set(ids) <= set(rows)
    assert quiet.json["meta"]["requestId"] not in rows
    assert not [row for row in rows.values() if row["path"] == "/v2/liveness"]
    assert secret not in str(rows)
    assert caller.root_key not in str(rows)
    assert "hush" not in str(rows)
    row = rows[ids[0]]
    assert (row["method"], row["path"], row["response_status"]) == ("POST", "/v2/keys.createKey", 200)
    assert (row["workspace_id"], row["region"], row["user_agent"]) == (caller.workspace_id, "test", "rows/1")
    assert "Authorization: [REDACTED]" in row["request_headers"]
    assert '"key":"[REDACTED]"' in row["response_body"]
    assert (rows[ids[2]]["response_status"], rows[ids[2]]["workspace_id"]) == (400, "")
    verifications = {r["request_id"]: r for r in await rows_of(clickhouse_client, "key_verifications_raw_v2")}
    assert (verifications[ids[1]]["outcome"], verifications[ids[1]]["tags"]) == ("VALID", ["t"])
    limits = {r["request_id"]: r for r in await rows_of(clickhouse_client, "ratelimits_raw_v2")}
    assert (limits[ids[3]]["identifier"], limits[ids[3]]["passed"]) == ("u", True)


@pytest.mark.parametrize(
    "key",
    ["sk_3ZZ7faUrkfv1YAhffAcnKW", "3ZZ7faUrkfv1YAhffAcnKW", "0af7651916cd43dd8448eb211c80319c"],
    ids=["prefixed", "bare", "hexadecimal"],
)
async def test_a_key_sent_as_an_id_is_not_in_the_error_column(
    key: str,
    api: Harness,
    mysql_server: MysqlServer,
    mysql_dsn: Dsn,
    redis_server: RedisServer,
    clickhouse_server: ClickHouse,
    clickhouse_client: ClickHouseClient,
) -> None:
    caller = await api.admin()
    toml = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
    toml += f'\n[clickhouse]\nurl = "{clickhouse_server.url}"'
    async with open_application(load_settings(toml, {}), Runtime(clock=FixedClock(SystemClock().now_ms()))) as served:
        client = Client(served.app)
        headers = {"content-type": "application/json", "authorization": f"Bearer {caller.root_key}"}
        for path, body in (
            ("/v2/apis.getApi", {"apiId": key}),
            ("/v2/keys.getKey", {"keyId": key}),
            ("/v2/permissions.getRole", {"role": key}),
            ("/v2/apis.getApi", {"apiId": "api_123456789"}),
        ):
            assert (await client.post(path, body, headers=headers)).status == 404
    query = f"SELECT error FROM api_requests_raw_v2 WHERE workspace_id = '{caller.workspace_id}'"
    errors = [str(row["error"]) for row in await clickhouse_client.fetch(query)]
    assert len(errors) == 4
    assert [error for error in errors if key in error] == []
    assert any("***" in error for error in errors)
    assert any("api_123456789" in error for error in errors), "ids of ours stay: they are what one looks for"


async def test_clickhouse_that_is_away_is_not_in_the_way(
    api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer, unused_tcp_port: int
) -> None:
    """It may be away from the start: rows are lost then, and requests are answered."""
    caller = await api.admin()
    toml = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url, shutdown_timeout='"1s"')
    toml += f'\n[clickhouse]\nurl = "http://127.0.0.1:{unused_tcp_port}"'
    async with open_application(load_settings(toml, {}), Runtime(clock=FixedClock())) as served:
        client = Client(served.app)
        headers = {"content-type": "application/json", "authorization": f"Bearer {caller.root_key}"}
        limit = {"namespace": "rows", "identifier": "u", "limit": 1, "duration": 1000}
        for path, body in (
            ("/v2/apis.createApi", {"name": "rows"}),
            ("/v2/keys.verifyKey", {"key": "unknown"}),
            ("/v2/ratelimit.limit", limit),
        ):
            assert (await client.post(path, body, headers=headers)).status == 200
