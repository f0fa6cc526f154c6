"""`unkey-api workspace …`, and what its changes mean to callers."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.support.harness import Caller, Harness
from tests.support.mysql import run_sql
from tests.support.shell import Shell
from unkey_api.infra.mysql import Dsn

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture
def shell(command_config: Path) -> Shell:
    return Shell(command_config, "workspace")


@pytest.fixture
async def customer(api: Harness) -> Caller:
    return await api.admin()


async def secret_of_new_key(api: Harness, customer: Caller) -> str:
    made = await api.post("/v2/apis.createApi", {"name": "an api"}, customer)
    created = await api.post("/v2/keys.createKey", {"apiId": made.json["data"]["apiId"]}, customer)
    return str(created.json["data"]["key"])


async def changes_in_audit(mysql_dsn: Dsn, workspace_id: str, event: str) -> Any:
    rows = await run_sql(mysql_dsn, f"SELECT payload FROM clickhouse_outbox WHERE workspace_id = '{workspace_id}'")
    entries = [json.loads(str(payload)) for (payload,) in rows]
    (entry,) = [each for each in entries if each["event"] == event]
    return entry["targets"][0]["meta"]["changes"]


async def test_show_counts_what_is_alive(api: Harness, shell: Shell, customer: Caller) -> None:
    await secret_of_new_key(api, customer)
    status, said = await shell.run("show", customer.workspace_id)
    assert status == 0, said
    assert f"id {customer.workspace_id} " in said
    assert "enabled yes" in said
    assert "APIs 1 keys 1 root keys 1 identities 0" in said
    assert "requests-per-minute none" in said


async def test_disabled_workspace_is_refused_until_it_is_enabled(
    api: Harness, shell: Shell, customer: Caller, mysql_dsn: Dsn
) -> None:
    assert await shell.run("disable", customer.workspace_id) == (0, f"Disabled {customer.workspace_id}.")
    other = await api.caller("api.*.read_api", workspace_id=customer.workspace_id)
    refused = await api.post("/v2/apis.getApi", {"apiId": "api_12345678"}, other)
    assert (refused.status, refused.json["error"]["type"].rsplit("/", 1)[-1]) == (403, "workspace_disabled")
    assert (await shell.run("disable", customer.workspace_id))[1].endswith("was disabled already.")
    assert await changes_in_audit(mysql_dsn, customer.workspace_id, "workspace.update") == {
        "enabled": {"from": True, "to": False}
    }
    assert (await shell.run("enable", customer.workspace_id))[0] == 0
    another = await api.caller("api.*.read_api", workspace_id=customer.workspace_id)
    assert (await api.post("/v2/apis.getApi", {"apiId": "api_12345678"}, another)).status == 404


async def test_delete_asks_first(api: Harness, shell: Shell, customer: Caller) -> None:
    status, said = await shell.run("delete", customer.workspace_id, typed="n\n")
    assert status == 1
    assert "0 keys and 1 root keys" in said
    assert (await shell.run("show", customer.workspace_id))[0] == 0


async def test_program_does_the_same(shell: Shell, customer: Caller) -> None:
    id_ = customer.workspace_id
    for words in (("show", id_), ("set-limits", id_, "team=maybe"), ("delete", id_)):
        apart = await shell.run_program(*words, typed="n\n")
        assert apart == await shell.run_apart(*words, typed="n\n"), words
        assert apart.status == (0 if words[0] == "show" else 1)
    disabled = await shell.run_program("disable", id_)
    assert (disabled.status, disabled.out) == (0, f"Disabled {id_}.\n")
    assert (await shell.run("disable", id_))[1].endswith("was disabled already.")


async def test_deleted_workspace_is_gone(api: Harness, shell: Shell, customer: Caller) -> None:
    status, said = await shell.run("delete", customer.workspace_id, "--yes", "--force")
    assert (status, said) == (0, f"Deleted {customer.workspace_id} (Test).")
    status, said = await shell.run("show", customer.workspace_id)
    assert (status, said) == (1, f"there is no workspace '{customer.workspace_id}'; `workspace list` shows them")
    assert customer.workspace_id not in (await shell.run("list"))[1]


async def test_protected_workspace_needs_force(shell: Shell, customer: Caller, mysql_dsn: Dsn) -> None:
    """A workspace is created with protection."""
    status, said = await shell.run("delete", customer.workspace_id, "--yes")
    assert status == 1
    assert "`--force` overrides it" in said
    await run_sql(mysql_dsn, f"UPDATE workspaces SET delete_protection = 0 WHERE id = '{customer.workspace_id}'")
    assert (await shell.run("delete", customer.workspace_id, "--yes"))[0] == 0


@pytest.mark.parametrize("command", [("delete", "--yes", "--force"), ("disable",)])
async def test_workspace_of_the_root_keys_stays(
    api: Harness, shell: Shell, customer: Caller, mysql_dsn: Dsn, command: tuple[str, ...]
) -> None:
    [(home,)] = await run_sql(
        mysql_dsn, f"SELECT workspace_id FROM `keys` WHERE for_workspace_id = '{customer.workspace_id}'"
    )
    status, said = await shell.run(command[0], str(home), *command[1:])
    assert status == 1
    assert "root keys are kept in workspace" in said


async def test_limits_hold_and_can_be_lifted(api: Harness, shell: Shell, customer: Caller) -> None:
    workspace_id = customer.workspace_id
    status, said = await shell.run("set-limits", workspace_id, "requests-per-minute=0", "team=no")
    assert status == 0, said
    assert "requests-per-minute 0" in said
    assert "team no" in said
    refused = await api.post("/v2/apis.getApi", {"apiId": "api_12345678"}, customer)
    assert refused.status == 429
    status, said = await shell.run("set-limits", workspace_id, "requests-per-minute=none")
    assert "requests-per-minute none" in said
    assert "team no" in said


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("requests-per-minut=5", "did you mean 'requests-per-minute'?"),
        ("requests-per-minute", "write name=value"),
        ("requests-per-minute=-1", "a number from 0 to 4294967295, or none"),
        ("log-retention-days=none", "a number from 0 to 65535; it is 'none'"),
        ("team=maybe", "yes or no"),
    ],
)
async def test_limit_that_cannot_be_set_is_explained(shell: Shell, customer: Caller, word: str, answer: str) -> None:
    status, said = await shell.run("set-limits", customer.workspace_id, word)
    assert status == 1
    assert answer in said


async def test_unknown_workspace_is_named(shell: Shell) -> None:
    nobody = f"ws_{secrets.token_hex(6)}"
    for words in (("show",), ("disable",), ("enable",), ("delete", "--yes"), ("set-limits", "team=yes")):
        status, said = await shell.run(words[0], nobody, *words[1:])
        assert (status, f"'{nobody}'" in said) == (1, True), said
