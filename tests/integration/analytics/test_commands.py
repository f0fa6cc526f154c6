"""`unkey-api analytics provision|query`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.asking import Asking
from tests.support.shell import Shell

pytestmark = pytest.mark.integration

QUERY = "SELECT key_id, tags, spent_credits AS spent, NULL AS nothing FROM key_verifications_v1 ORDER BY key_id"


@pytest.fixture
def shell(asking: Asking, tmp_path: Path) -> Shell:
    config = tmp_path / "unkey.toml"
    config.write_text(asking.configuration)
    return Shell(config, "analytics")


@pytest.fixture
async def workspace(asking: Asking) -> str:
    caller = await asking.caller()
    row = {"workspace_id": caller.workspace_id, "key_space_id": "ks", "outcome": "VALID", "spent_credits": 1}
    await asking.add(
        "key_verifications_raw_v2",
        {**row, "key_id": "key_1", "tags": ["a"]},
        {**row, "key_id": 'key,"2\n', "tags": []},
    )
    return caller.workspace_id


async def test_rows_as_json(shell: Shell, workspace: str) -> None:
    ended = await shell.run_apart("query", QUERY, "--workspace", workspace, "--format", "json")
    assert json.loads(ended.out) == [
        {"key_id": 'key,"2\n', "nothing": None, "spent": 1, "tags": []},
        {"key_id": "key_1", "nothing": None, "spent": 1, "tags": ["a"]},
    ]


async def test_rows_as_csv(shell: Shell, workspace: str) -> None:
    ended = await shell.run_apart("query", QUERY, "--workspace", workspace, "--format", "csv")
    assert list(csv.reader(io.StringIO(ended.out, newline=""))) == [
        ["key_id", "nothing", "spent", "tags"],
        ['key,"2\n', "", "1", "[]"],
        ["key_1", "", "1", '["a"]'],
    ]


async def test_rows_as_a_table(shell: Shell, workspace: str) -> None:
    status, said = await shell.run("query", "SELECT key_id FROM key_verifications_v1 LIMIT 1", "--workspace", workspace)
    assert (status, said.split()[0]) == (0, "key_id")


async def test_no_rows(shell: Shell, workspace: str) -> None:
    query = "SELECT identifier FROM ratelimits_v1"
    for form, shown in (("json", "[]\n"), ("csv", ""), ("table", "\n")):
        ended = await shell.run_apart("query", query, "--workspace", workspace, "--format", form)
        assert (ended.status, ended.out) == (0, shown)


async def test_the_guard_stands_here_too(shell: Shell, workspace: str) -> None:
    status, said = await shell.run("query", "SELECT * FROM system.tables", "--workspace", workspace)
    assert (status, said) == (1, "Access to table 'system.tables' is not allowed")


async def test_a_workspace_that_is_not_set_up(shell: Shell) -> None:
    status, said = await shell.run("query", QUERY, "--workspace", "ws_nobody")
    assert status == 1
    assert "not configured for this workspace" in said


async def test_provisioning_says_what_is_missing(shell: Shell, workspace: str) -> None:
    assert "`clickhouse.url` is not set" in (await shell.run("provision", "--workspace", workspace))[1]
    for quota in ("max-queries=5", "max-queries-per-window", "max-queries-per-window=0", "max-queries-per-window=x"):
        status, said = await shell.run("provision", quota, "--workspace", workspace)
        assert status == 1
        assert "max-queries-per-window" in said
