"""Every operation, called as the official client calls it, and its answer accepted by the client's own models."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import pytest
import yaml

from tests.e2e.unkey_py import key_operations, other_operations
from tests.e2e.unkey_py.recording import Asynchronous, Recorded, exposed
from tests.e2e.unkey_py.world import World, built, client_of
from tests.support.harness import Caller
from tests.support.limits_row import limits_row
from tests.support.mysql import run_sql
from tests.support.served import Served
from tools.operations import published_operations
from unkey_api.core.secret import Secret
from unkey_api.dev.servers import Vault
from unkey_api.infra.clickhouse.client import ClickHouseClient
from unkey_api.infra.mysql import Database, Dsn, Statement
from unkey_api.infra.vault import open_vault
from unkey_api.openapi_document import read_document

pytestmark = pytest.mark.e2e

TABLE = key_operations.OPERATIONS | other_operations.OPERATIONS


@pytest.fixture
async def migration(admin: Caller, mysql_dsn: Dsn) -> str:
    """A migration of the test's workspace; operators make them, not callers."""
    name = f"mig_{secrets.token_hex(6)}"
    values = f"NULL, '{name}', '{admin.workspace_id}', 'sha256'"
    await run_sql(mysql_dsn, f"INSERT INTO key_migrations VALUES ({values})")
    return name


@pytest.fixture
async def analytics(
    admin: Caller, served_vault: Vault, database: Database, clickhouse_client: ClickHouseClient
) -> None:
    """What provisioning writes for the test's workspace."""
    async with open_vault(served_vault.url, served_vault.token) as vault:
        password = await vault.encrypt(admin.workspace_id, Secret("secret"))
    settings = {
        "workspace_id": admin.workspace_id,
        "username": admin.workspace_id,
        "password_encrypted": password.encrypted,
    }
    limits = {**limits_row(admin.workspace_id, requests_per_minute=None), "logs_retention_days_max": 30}
    for table, row in (("clickhouse_workspace_settings", settings), ("limits", limits)):
        into, named = ", ".join(row), ", ".join(f"%({column})s" for column in row)
        await database.primary.execute(Statement("test_can_ask", f"INSERT INTO {table} ({into}) VALUES ({named})"), row)


@pytest.mark.usefixtures("analytics")
@pytest.mark.parametrize("twin", ["synchronous", "asynchronous"])
@pytest.mark.parametrize("name", TABLE)
def test_success(name: str, twin: str, served: Served, admin: Caller, migration: str) -> None:
    operation: Callable[[World], None] = TABLE[name]
    with asyncio.Runner() as runner, client_of(admin.root_key, served.base) as client, built():
        recorded = Recorded(client) if twin == "synchronous" else Asynchronous(client, runner)
        operation(World(recorded.client, admin.workspace_id, migration))
        if twin == "asynchronous":
            runner.run(client.__aexit__(None, None, None))
    assert name.partition(" ")[0] in recorded.called


def test_every_operation_of_the_table_is_published() -> None:
    """What is published and not in the table is newer than the client, or has no method: the next test sees to that."""
    paths = yaml.load(read_document().yaml, Loader=yaml.CSafeLoader)["paths"]
    assert {name.partition(" ")[0] for name in TABLE} <= {path.removeprefix("/v2/") for path in paths}


def test_the_table_has_every_method_of_the_client() -> None:
    """Of the areas we serve; each has an asynchronous twin, and `test_success` calls both."""
    served = {operation.http_path.removeprefix("/v2/") for operation in published_operations() if operation.built}
    methods = exposed({name.partition(".")[0] for name in served})
    assert methods
    assert methods == {name.partition(" ")[0] for name in TABLE}
