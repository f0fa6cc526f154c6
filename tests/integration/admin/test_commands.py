"""`unkey-api migrate` and `unkey-api root-key create` on a database of their own."""

from __future__ import annotations

import asyncio

import pytest
from typer.testing import CliRunner, Result

from tests.support.harness import configuration
from tests.support.mysql import MysqlServer, run_sql
from unkey_api.areas.rootkeys.keyspace import ROOT_WORKSPACE
from unkey_api.cli.main import app

pytestmark = pytest.mark.integration


@pytest.fixture
def toml(mysql_server: MysqlServer) -> str:
    asyncio.run(run_sql(mysql_server.tcp_dsn(), "DROP DATABASE IF EXISTS commands", "CREATE DATABASE commands"))
    return configuration(mysql_server.tcp_dsn("commands"), "redis://127.0.0.1:1")


def run(toml: str, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", toml])


def test_migrate_makes_the_home_of_root_keys(toml: str, mysql_server: MysqlServer) -> None:
    for _ in range(2):
        assert run(toml, "migrate").exit_code == 0
    found = asyncio.run(run_sql(mysql_server.tcp_dsn("commands"), "SELECT id FROM workspaces"))
    assert found == [(ROOT_WORKSPACE,)]
    created = run(toml, "workspace", "create", "Acme")
    workspace_id = created.stdout.strip()
    right, wrong = f"unkey:v1:{workspace_id}:usage#read", f"unkey:v1:{workspace_id}:usage#Read"
    refused = run(toml, "root-key", "create", "--workspace", workspace_id, "--permission", wrong)
    assert refused.exit_code == 2
    issued = run(
        toml, "root-key", "create", "--workspace", workspace_id, "--permission", right, "--permission", "api.*.read_api"
    )
    assert issued.exit_code == 0
    rows = asyncio.run(run_sql(mysql_server.tcp_dsn("commands"), "SELECT workspace_id, for_workspace_id FROM `keys`"))
    assert rows == [(ROOT_WORKSPACE, workspace_id)]
    slugs = asyncio.run(run_sql(mysql_server.tcp_dsn("commands"), "SELECT slug FROM permissions ORDER BY slug"))
    assert slugs == [("api.*.read_api",), (right,)]
