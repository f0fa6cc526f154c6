"""`unkey-api permissions`."""

from __future__ import annotations

import json

from typer.testing import CliRunner, Result

from unkey_api.cli.main import app
from unkey_api.container.areas import REQUIREMENTS


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["permissions", *words])


def test_list_prints_every_operation() -> None:
    printed = run("list").stdout.splitlines()
    assert [line for line in printed if not line.startswith(" ")] == list(REQUIREMENTS)
    assert "    ratelimit.*.limit" in printed


def test_one_operation_with_a_workspace() -> None:
    assert run("list", "apis.createApi", "--workspace", "ws_1").stdout.splitlines() == [
        "apis.createApi",
        "  one of:",
        "    api.*.create_api",
        "    unkey:v1:ws_1:keyspaces/*#create_keyspace",
    ]


def test_json() -> None:
    printed = json.loads(run("list", "--json", "rootKeys.deleteKey").stdout)
    prefix = "unkey:v1:<workspaceId>:rootKeys/"
    assert printed == {
        "rootKeys.deleteKey": [{"when": None, "anyOf": [f"{prefix}<keyId>#delete", f"{prefix}*#delete"]}]
    }


def test_unknown_operation_is_refused() -> None:
    result = run("list", "keys.purr")
    assert result.exit_code == 2
    assert "keys.purr" in result.output


def test_explain_names_the_operations() -> None:
    result = run("explain", "unkey:v1:ws_1:ratelimits/namespaces/*#limit")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "ratelimit.limit")


def test_explain_tells_a_mistake_from_what_opens_nothing() -> None:
    mistyped = run("explain", "api.*.Read_Api")
    assert mistyped.exit_code == 1
    assert "did you mean `api.*.read_api`?" in mistyped.output
    later = run("explain", "portal.*.create_portal")
    assert later.exit_code == 1
    assert "opens no operation" in later.output
