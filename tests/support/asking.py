"""The service with everything that analytics needs, and workspaces that are set up to ask."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.asgi import Answer
from tests.support.clock import FixedClock
from tests.support.harness import Caller, CommandRecorder, Harness, configuration
from tests.support.limits_row import limits_row
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.statements import StatementRecorder
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.core.secret import Secret
from unkey_api.dev.ports import free_ports
from unkey_api.dev.servers import ClickHouse, vault
from unkey_api.infra.clickhouse.client import ClickHouseClient
from unkey_api.infra.mysql import Database, Dsn, Statement
from unkey_api.infra.vault import VaultClient, open_vault
from unkey_api.rpc.health import Phase
from unkey_api.settings.load import load_settings

VAULT_TOKEN = "vault-token-of-asking"
EVERYTHING = (
    "api.*.read_analytics",
    "ratelimit.*.read_analytics",
    "project.*.read_gateway_requests",
    "project.*.read_runtime_logs",
)


@dataclass(frozen=True, slots=True)
class Asking:
    """The application, and what stands behind it."""

    api: Harness
    clickhouse: ClickHouseClient
    vault: VaultClient
    configuration: str
    """TOML that leads to the same stores."""

    async def caller(self, *permissions: str, workspace_id: str = "", **settings: Any) -> Caller:
        """Return a caller of a workspace that may ask. `settings` are columns of the settings or the limits."""
        caller = await self.api.caller(*(permissions or EVERYTHING), workspace_id=workspace_id)
        await self.set_up(caller.workspace_id, **settings)
        return caller

    async def set_up(self, workspace_id: str, *, days: int = 30, rows: int = 1_000, password: str = "") -> None:
        """Give a workspace settings and limits, as provisioning does."""
        encrypted = password or (await self.vault.encrypt(workspace_id, Secret("secret"))).encrypted
        limits = {**limits_row(workspace_id, requests_per_minute=None), "logs_retention_days_max": days}
        await self.insert("limits", **limits)
        await self.insert(
            "clickhouse_workspace_settings",
            workspace_id=workspace_id,
            username=workspace_id,
            password_encrypted=encrypted,
            max_query_result_rows=rows,
        )

    async def insert(self, table: str, **values: Any) -> None:
        """Insert a row into MySQL, unless it is there."""
        into, named = ", ".join(f"`{name}`" for name in values), ", ".join(f"%({name})s" for name in values)
        sql = f"INSERT IGNORE INTO `{table}` ({into}) VALUES ({named})"
        await self.api.database.primary.execute(Statement("test_asking_insert", sql), values)

    async def ask(self, operation: str, query: str, caller: Caller) -> Answer:
        """Call an analytics operation, such as `getVerifications`."""
        return await self.api.post(f"/v2/analytics.{operation}", {"query": query}, caller)

    async def rows(self, operation: str, query: str, caller: Caller) -> list[dict[str, Any]]:
        """Return the rows of a query that must succeed."""
        answer = await self.ask(operation, query, caller)
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.json["data"]
        return found

    async def add(self, table: str, *rows: dict[str, Any]) -> None:
        """Insert rows of one shape into ClickHouse; a `time` is the present unless it is given."""
        now = int(time.time() * 1_000)
        lines = [json.dumps({"time": now, **row}).encode() + b"\n" for row in rows]
        await self.clickhouse.insert(f"INSERT INTO {table} FORMAT JSONEachRow", lines)


@pytest.fixture(scope="session")
async def asking(
    mysql_server: MysqlServer,
    mysql_dsn: Dsn,
    redis_server: RedisServer,
    database: Database,
    clickhouse_server: ClickHouse,
    clickhouse_client: ClickHouseClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Asking]:
    """The service on the session's stores and a vault, with a clock that stands at the present."""
    clock = FixedClock()
    clock.advance(int(time.time() * 1_000) - clock.now_ms())
    async with vault(tmp_path_factory.mktemp("vault"), free_ports(1)[0], Secret(VAULT_TOKEN)) as keeper:
        text = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
        text += f'\n[clickhouse]\nanalytics_url = "{clickhouse_server.url}"\nurl = ""\n'
        text += f'[vault]\nurl = "{keeper.url}"\ntoken = "{VAULT_TOKEN}"\n'
        commands, statements = CommandRecorder(), StatementRecorder()
        runtime = Runtime(clock=clock, jitter=lambda: 0.0, statements=statements, commands=commands, worker=1)
        async with (
            open_application(load_settings(text, {}), runtime) as served,
            open_vault(keeper.url, Secret(VAULT_TOKEN)) as safe,
        ):
            served.health.phase = Phase.SERVING
            harness = Harness(served.app, database, clock, statements, commands)
            yield Asking(harness, clickhouse_client, safe, text)
