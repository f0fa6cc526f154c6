"""`unkey-api root-key …`, and what its changes mean to servers that have the key cached."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.asgi import Client
from tests.support.clock import FixedClock
from tests.support.harness import Harness, configuration
from tests.support.mysql import MysqlServer, run_sql
from tests.support.shell import Ended, Shell
from tests.support.waiting import eventually
from unkey_api.admin.types import RootKeyChange
from unkey_api.areas.rootkeys.keyspace import ROOT_WORKSPACE
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.core.clock import SystemClock
from unkey_api.dev.ports import free_ports
from unkey_api.infra.mysql import Dsn
from unkey_api.rpc.health import Phase
from unkey_api.settings.load import load_settings

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.timeout(180)]

HOUR = 3_600_000
READ_API, READ_KEY = "api.*.read_api", "api.*.read_key"


@pytest.fixture
def shell(command_config: Path) -> Shell:
    return Shell(command_config, "root-key")


@dataclass(frozen=True, slots=True)
class Operator:
    """A workspace, and the program that changes its root keys."""

    api: Harness
    shell: Shell
    dsn: Dsn
    workspace_id: str

    async def create(self, *words: str) -> tuple[str, str]:
        """Create a root key and return its id and its secret."""
        done = await self.shell.run_apart("create", "--workspace", self.workspace_id, *words)
        assert done.status == 0, done.err
        return done.err.split()[2], done.out.strip()

    async def issue(self, *permissions: str) -> tuple[str, str]:
        """Return id and secret of a key that another program made."""
        issued = await self.api.admin_service.create_root_key(self.workspace_id, "ci", permissions)
        return issued.id, issued.secret.reveal()

    async def key(self, key_id: str) -> dict[str, Any]:
        """The key as `list --json` shows it; empty when it does not."""
        done = await self.shell.run_apart("list", "--json", "--workspace", self.workspace_id)
        assert done.status == 0, done.err
        return next((each for each in json.loads(done.out) if each["id"] == key_id), {})

    async def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return await run_sql(self.dsn, statement)

    async def expires_ms(self, key_id: str) -> int:
        [(seconds,)] = await self.sql(f"SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', expires) FROM `keys` "
                                      f"WHERE id = '{key_id}'")  # fmt: skip
        return int(seconds) // 1000

    async def audits(self, event: str, key_id: str) -> list[dict[str, Any]]:
        found = await self.sql(
            f"SELECT payload FROM clickhouse_outbox WHERE workspace_id = '{self.workspace_id}' ORDER BY pk"
        )
        entries = [json.loads(row[0]) for row in found]
        return [e for e in entries if e["event"] == event and key_id in [t["id"] for t in e["targets"]]]


@pytest.fixture
async def operator(api: Harness, shell: Shell, mysql_dsn: Dsn) -> Operator:
    return Operator(
        api, shell, mysql_dsn, await api.admin_service.create_workspace("Test", f"test-{secrets.token_hex(8)}")
    )


class Server:
    """An application whose clock stands still, so that what it has cached changes by the log of changes only."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def answer(self, root_key: str, operation: str = "apis.getApi") -> str:
        """The status of a harmless request, with the last part of the error's type."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {root_key}"}
        answer = await self._client.post(f"/v2/{operation}", {"apiId": "api_12345678"}, headers=headers)
        return f"{answer.status} {answer.json['error']['type'].rsplit('/', 1)[-1]}"

    async def comes_to(self, root_key: str, wanted: str) -> None:
        """Wait for an answer; long, because the machine may be busy."""

        async def there() -> bool:
            return await self.answer(root_key) == wanted

        await eventually(there, within_seconds=20)


@pytest.fixture(scope="module")
async def server(mysql_server: MysqlServer, mysql_dsn: Dsn, api: Harness) -> AsyncIterator[Server]:
    nowhere = f"redis://127.0.0.1:{free_ports(1)[0]}"
    soon = '{ startup_timeout = "100ms" }'  # a start waits so long for a Redis that is away
    settings = load_settings(configuration(mysql_server.tcp_dsn(mysql_dsn.database), nowhere, redis=soon), {})
    ahead = FixedClock(SystemClock().now_ms() + HOUR)  # so that a key that is ended now has ended there
    async with open_application(settings, Runtime(clock=ahead)) as served:
        served.health.phase = Phase.SERVING
        yield Server(Client(served.app))


GOOD, LACKS = "404 api_not_found", "403 insufficient_permissions"


async def cached_key(operator: Operator, server: Server) -> tuple[str, str]:
    """Return id and secret of a key that the server answers from its cache.

    The server learns of its creation late, and forgets it once more then. Changes come in their order, so that has
    happened when it has heard of another key that was created afterwards.
    """
    key_id, secret = await operator.issue(READ_API)
    later_id, later = await operator.issue(READ_API)
    assert await server.answer(later) == GOOD
    await operator.api.admin_service.root_keys.update(later_id, RootKeyChange(enabled=False))
    await server.comes_to(later, "403 key_disabled")
    assert await server.answer(secret) == GOOD
    return key_id, secret


class TestServersThatHaveTheKeyCached:
    async def test_disabled_key_is_refused_until_it_is_enabled(self, operator: Operator, server: Server) -> None:
        key_id, secret = await cached_key(operator, server)
        status, said = await operator.shell.run("disable", key_id)
        assert (status, said.split(" '")[0]) == (0, f"Disabled root key {key_id}")
        await server.comes_to(secret, "403 key_disabled")
        assert (await operator.shell.run("disable", key_id))[1].endswith("was disabled already.")
        [entry] = await operator.audits("key.update", key_id)
        assert entry["targets"][0]["meta"]["changes"] == {"enabled": {"from": True, "to": False}}
        assert entry["actor"]["id"] == "operator"
        assert (await operator.shell.run("enable", key_id))[0] == 0
        await server.comes_to(secret, GOOD)

    async def test_permissions_are_taken_and_given(self, operator: Operator, server: Server) -> None:
        key_id, secret = await cached_key(operator, server)
        assert (await operator.shell.run("update", key_id, "--permission", READ_KEY))[0] == 0
        await server.comes_to(secret, LACKS)
        assert (await operator.shell.run("update", key_id, "--add-permission", READ_API))[0] == 0
        await server.comes_to(secret, GOOD)

    async def test_key_revoked_by_its_start_is_refused(self, operator: Operator, server: Server) -> None:
        key_id, secret = await cached_key(operator, server)
        start = str((await operator.key(key_id))["start"])
        assert secret.startswith(start)
        status, said = await operator.shell.run("revoke", start)
        assert (status, key_id in said) == (0, True), said
        await server.comes_to(secret, "401 key_not_found")
        assert await operator.key(key_id) == {}
        assert [e["actor"]["id"] for e in await operator.audits("key.delete", key_id)] == ["operator"]

    async def test_rotated_key_ends_and_its_successor_works(self, operator: Operator, server: Server) -> None:
        key_id, secret = await cached_key(operator, server)
        done = await operator.shell.run_apart("rotate", key_id, "--grace", "0")
        assert done.status == 0, done.err
        successor = done.out.strip()
        assert successor not in done.err
        await server.comes_to(secret, "403 forbidden")
        assert await server.answer(successor) == GOOD


class TestCreate:
    async def test_key_has_what_was_asked_for(self, operator: Operator, server: Server) -> None:
        words = ("--name", "ci", "--permission", READ_API, "--permission", READ_API, "--expires", "2199-01-31")
        done = await operator.shell.run_apart("create", "--workspace", operator.workspace_id, *words)
        key_id, secret = done.err.split()[2], done.out.strip()
        assert f"Root key {key_id} has 1 permission, and works until 2199-01-31T00:00:00Z." in done.err
        assert secret not in done.err
        assert await server.answer(secret) == GOOD
        shown = await operator.key(key_id)
        assert {name: shown[name] for name in ("name", "enabled", "expires", "permissions", "lastUsedAt")} == {
            "name": "ci",
            "enabled": True,
            "expires": "2199-01-31T00:00:00Z",
            "permissions": [READ_API],
            "lastUsedAt": None,
        }
        assert len(await operator.audits("authorization.connect_permission_and_key", key_id)) == 1

    async def test_without_permissions_it_may_do_everything_and_says_so(self, operator: Operator) -> None:
        done = await operator.shell.run_apart("create", "--workspace", operator.workspace_id)
        held = (await operator.key(done.err.split()[2]))["permissions"]
        assert f"unkey:v1:{operator.workspace_id}:**#*" in held
        assert f"has {len(held)} permissions, which allow everything, and never expires." in done.err

    @pytest.mark.parametrize(
        ("words", "answer"),
        [
            (("--permission", "api.*.read_apis"), "did you mean `api.*.read_api`?"),
            (("--permission", "unkey:v1:ws_other:usage#read"), "another workspace"),
            (("--expires", "2020-01-31"), "`expires` must be in the future."),
            (("--expires", "0"), "`expires` must be in the future."),
            (("--expires", "tomorrow"), "'tomorrow' is no time; write for instance 30d, 12h"),
            (("--name", "n" * 256), "write from 1 to 255 characters"),
        ],
    )
    async def test_mistake_is_explained_and_nothing_is_made(
        self, operator: Operator, words: tuple[str, ...], answer: str
    ) -> None:
        status, said = await operator.shell.run("create", "--workspace", operator.workspace_id, *words)
        assert (status, answer in said, "Traceback" in said) == (2, True, False), said
        assert await operator.sql(f"SELECT id FROM `keys` WHERE for_workspace_id = '{operator.workspace_id}'") == []

    async def test_unknown_workspace_is_named(self, shell: Shell) -> None:
        status, said = await shell.run("create", "--workspace", "ws_nope", "--permission", READ_API)
        assert (status, said) == (1, "there is no workspace 'ws_nope'; `workspace list` shows them")


class TestUpdate:
    async def test_everything_that_is_named_changes_and_is_told(self, operator: Operator) -> None:
        key_id, _ = await operator.issue(READ_API, READ_KEY)
        words = ("--name", "new", "--remove-permission", READ_KEY, "--expires", "2199-01-31T02:00:00+02:00")
        assert (await operator.shell.run("update", key_id, *words))[0] == 0
        shown = await operator.key(key_id)
        assert (shown["name"], shown["permissions"], shown["expires"]) == ("new", [READ_API], "2199-01-31T00:00:00Z")
        [entry] = await operator.audits("key.update", key_id)
        assert entry["targets"][0]["meta"]["changes"] == {
            "name": {"from": "ci", "to": "new"},
            "expires": {"from": None, "to": 7_229_174_400_000},
            "permissions": {"from": [READ_API, READ_KEY], "to": [READ_API]},
        }
        assert len(await operator.audits("authorization.disconnect_permission_and_key", key_id)) == 1
        assert (await operator.shell.run("update", key_id, "--never-expires"))[0] == 0
        after = await operator.key(key_id)
        assert (after["name"], after["permissions"], after["expires"]) == ("new", [READ_API], None)
        assert (await operator.shell.run("update", key_id, "--never-expires"))[1].endswith("was like that already.")

    @pytest.mark.parametrize(
        ("words", "answer"),
        [
            ((), "name what to change"),
            (("--add-permission", "api.*.read_apis"), "did you mean `api.*.read_api`?"),
            (("--permission", "apis.*.read_api"), "did you mean `api.*.read_api`?"),
            (("--remove-permission", READ_KEY), f"does not have the permission '{READ_KEY}'"),
            (("--permission", READ_KEY, "--add-permission", READ_API), "leave out --add-permission"),
            (("--expires", "30d", "--never-expires"), "leave out either --expires or --never-expires"),
            (("--expires", "2020-01-31T00:00:00Z"), "`expires` must be in the future."),
        ],
    )
    async def test_mistake_is_explained_and_nothing_changes(
        self, operator: Operator, words: tuple[str, ...], answer: str
    ) -> None:
        key_id, _ = await operator.issue(READ_API)
        status, said = await operator.shell.run("update", key_id, *words)
        assert (status, answer in said, "Traceback" in said) == (2, True, False), said
        assert await operator.audits("key.update", key_id) == []


class TestRotate:
    async def test_grace_never_prolongs_and_there_is_one_successor(self, operator: Operator) -> None:
        key_id, _ = await operator.create("--permission", READ_API, "--expires", "10m")
        ends = await operator.expires_ms(key_id)
        done = await operator.shell.run_apart("rotate", key_id, "--grace", "1h")
        successor = done.err.split()[2]
        assert (await operator.expires_ms(key_id), await operator.expires_ms(successor)) == (ends, ends)
        status, said = await operator.shell.run("rotate", key_id, "--grace", "0")
        assert (status, successor in said) == (1, True), said

    async def test_old_key_works_for_the_grace_period(self, operator: Operator) -> None:
        key_id, _ = await operator.issue(READ_API)
        await operator.sql(f"UPDATE `keys` SET enabled = 0 WHERE id = '{key_id}'")
        began = SystemClock().now_ms()
        done = await operator.shell.run_apart("rotate", key_id, "--grace", "1h")
        assert began + HOUR <= await operator.expires_ms(key_id) <= SystemClock().now_ms() + HOUR
        assert "Both are disabled." in done.err
        new = await operator.key(done.err.split()[2])
        assert (new["enabled"], new["expires"], new["name"], new["permissions"]) == (False, None, "ci", [READ_API])
        assert len(await operator.audits("key.reroll", key_id)) == 1

    async def test_expired_key_is_not_revived(self, operator: Operator) -> None:
        key_id, _ = await operator.issue(READ_API)
        await operator.sql(f"UPDATE `keys` SET expires = '2020-01-01' WHERE id = '{key_id}'")
        status, said = await operator.shell.run("rotate", key_id, "--grace", "1h")
        assert (status, "has expired" in said) == (1, True), said
        assert len(await operator.sql(f"SELECT id FROM `keys` WHERE for_workspace_id = '{operator.workspace_id}'")) == 1

    async def test_grace_has_to_be_said_and_understood(self, operator: Operator) -> None:
        assert (await operator.shell.run("rotate", "key_1"))[0] == 2
        status, said = await operator.shell.run("rotate", "key_1", "--grace", "soon")
        assert (status, "'soon' is no length of time" in said) == (2, True), said


class TestNaming:
    async def test_ambiguous_start_lists_the_candidates(self, operator: Operator) -> None:
        first, second = [(await operator.issue())[0] for _ in range(2)]
        start = f"unkey_{secrets.token_hex(3)}"
        await operator.sql(f"UPDATE `keys` SET start = '{start}' WHERE id IN ('{first}', '{second}')")
        status, said = await operator.shell.run("revoke", start)
        assert (status, first in said, second in said) == (1, True, True), said
        await operator.sql(f"UPDATE `keys` SET start = '{start.upper()}' WHERE id = '{first}'")
        assert (await operator.shell.run("revoke", start))[0] == 0
        assert [bool(await operator.key(key_id)) for key_id in (first, second)] == [True, False]

    async def test_what_is_no_root_key_is_unknown_to_every_command(self, operator: Operator) -> None:
        """Neither are ordinary keys, wherever they live."""
        admin = await operator.api.admin()
        made = await operator.api.post("/v2/apis.createApi", {"name": "an api"}, admin)
        created = await operator.api.post("/v2/keys.createKey", {"apiId": made.json["data"]["apiId"]}, admin)
        ordinary, inside = created.json["data"]["keyId"], (await operator.issue())[0]
        await operator.sql(f"UPDATE `keys` SET for_workspace_id = NULL WHERE id = '{inside}'")
        commands = (("revoke",), ("disable",), ("enable",), ("rotate", "--grace", "1h"), ("update", "--name", "x"))
        for command, *options in commands:
            status, said = await operator.shell.run(command, ordinary, *options)
            shown = f"there is no root key '{ordinary}'; `root-key list` shows their ids and starts"
            assert (status, said) == (1, shown), command
        for word in (inside, "ks_root_keys", "[/red]"):
            status, said = await operator.shell.run("revoke", word)
            assert (status, f"there is no root key '{word}'" in said, "Traceback" in said) == (1, True, False), said
        assert await operator.sql(f"SELECT deleted_at_m FROM `keys` WHERE id IN ('{ordinary}', '{inside}')") == [
            (None,),
            (None,),
        ]
        # Other tests of the session find nothing but root keys where those live.
        await operator.sql(f"UPDATE `keys` SET deleted_at_m = 1 WHERE id = '{inside}'")


async def test_program_does_the_same(operator: Operator, server: Server) -> None:
    made = await operator.shell.run_program("create", "--workspace", operator.workspace_id, "--permission", READ_API)
    key_id, secret = made.err.split()[2], made.out.strip()
    assert (made.status, await server.answer(secret)) == (0, GOOD)
    assert f"Root key {key_id} has 1 permission, and never expires." in made.err
    for words in (
        ("list", "--json", "--workspace", operator.workspace_id),
        ("list", "--workspace", operator.workspace_id, "--permissions"),
        ("revoke", "key_nope"),
        ("rotate", key_id, "--grace", "soon"),
    ):
        apart = await operator.shell.run_program(*words)
        assert _without_its_name(apart) == _without_its_name(await operator.shell.run_apart(*words)), words
        assert apart.status == {"revoke": 1, "rotate": 2}.get(words[0], 0), words
    assert "Traceback" not in made.err


def _without_its_name(ended: Ended) -> Ended:
    """Leave out how the command was called, which only a program knows."""
    out, err = (
        "\n".join(line for line in text.splitlines() if not line.strip().startswith(("Usage:", "Try ")))
        for text in (ended.out, ended.err)
    )
    return Ended(ended.status, out, err)


async def test_key_over_root_keys_is_strengthened_only_when_that_is_said(operator: Operator) -> None:
    issued = await operator.api.admin_service.create_root_key(ROOT_WORKSPACE, "over", [READ_API], over_root_keys=True)
    assert (await operator.shell.run("disable", issued.id))[0] == 0
    for command, *options in (("enable",), ("rotate", "--grace", "1h"), ("update", "--add-permission", READ_KEY)):
        status, said = await operator.shell.run(command, issued.id, *options)
        assert (status, "--over-root-keys" in said) == (1, True), said
    assert (await operator.shell.run("enable", issued.id, "--over-root-keys"))[0] == 0
    assert (await operator.shell.run("revoke", issued.id))[0] == 0


async def test_list_is_a_table_that_names_cannot_break(operator: Operator) -> None:
    key_id, _ = await operator.issue(READ_API, READ_KEY)
    await operator.sql(f"UPDATE `keys` SET name = '[red]x\\n\x1b[2J', last_used_at = 1750000000000, "
                   f"expires = '2199-01-31 12:00:00' WHERE id = '{key_id}'")  # fmt: skip
    done = await operator.shell.run_apart("list", "--workspace", operator.workspace_id)
    heading, line = done.out.splitlines()
    assert heading.split("  ")[0] == "id"
    for column in ("start", "name", "workspace", "enabled", "expires", "last used", "permissions", "created"):
        assert f" {column} " in f"{heading} "
    cells = line.split()
    assert cells[0] == key_id
    assert "[red]x\ufffd\ufffd[2J" in line
    assert cells[3:8] == [operator.workspace_id, "yes", "2199-01-31T12:00:00Z", "2025-06-15T15:06:40Z", "2"]
    full = await operator.shell.run_apart("list", "--workspace", operator.workspace_id, "--permissions")
    assert f" {READ_API} {READ_KEY} " in full.out
    other = await operator.shell.run_apart("list", "--workspace", "ws_nope", "--json")
    assert (other.status, json.loads(other.out)) == (0, [])
