"""Every write leaves in the log of changes what docs/invalidation.md says, and the page names every write."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rpc.published.requests import REQUESTS, Body, limit, multi_limit, permissions_of_key, roles_of_key
from tests.rpc.published.world import World, fresh, shown
from tests.support.mysql import run_sql
from tests.support.transfer import Depot
from unkey_api.admin.types import RootKeyChange
from unkey_api.admin.workspaces import WorkspaceAdmin
from unkey_api.audit.service import AuditLog
from unkey_api.container.revocation import drops_of
from unkey_api.core.changes import Change, ChangeKind, lane_of
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import Dsn

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[3].joinpath("docs", "invalidation.md").read_text(encoding="utf-8")
ROWS = {
    name: frozenset(kinds.split(", "))
    for name, kinds in re.findall(r"^\| `([^`]+)`[^|]*\| ([a-z_, ]+) \|$", PAGE, re.MULTILINE)
    if "." in name or name.startswith("unkey-api ")
}
"""Kinds by operation or command."""
COMMANDS = {name: kinds for name, kinds in ROWS.items() if name.startswith("unkey-api ")}
OPERATIONS = {name: kinds for name, kinds in ROWS.items() if name not in COMMANDS}
READS = re.compile(r"\.(get|list)[A-Z]|^keys\.whoami$")
SUBJECTS = {
    ChangeKind.KEY: "SELECT hash FROM `keys` WHERE workspace_id = '{0}'",
    ChangeKind.ROOT_KEY: "SELECT hash FROM `keys` WHERE for_workspace_id = '{0}'",
    ChangeKind.IDENTITY: "SELECT id FROM identities WHERE workspace_id = '{0}'",
    ChangeKind.ROLE: "SELECT name FROM roles WHERE workspace_id = '{0}'",
    ChangeKind.PERMISSION: "SELECT slug FROM permissions WHERE workspace_id = '{0}'",
    ChangeKind.API: "SELECT id FROM apis WHERE workspace_id = '{0}'",
    ChangeKind.NAMESPACE: "SELECT id FROM ratelimit_namespaces WHERE workspace_id = '{0}' UNION "
    "SELECT name FROM ratelimit_namespaces WHERE workspace_id = '{0}'",
    ChangeKind.WORKSPACE: "SELECT id FROM workspaces WHERE id = '{0}'",
}
"""What changes of a kind may name."""


class Log:
    """The rows of a workspace since the last look."""

    def __init__(self, dsn: Dsn, workspace_id: str) -> None:
        self._dsn, self._workspace_id = dsn, workspace_id
        self._seen = 0
        self._names: dict[ChangeKind, set[object]] = {kind: set() for kind in SUBJECTS}

    async def look(self) -> set[str]:
        """Return the kinds that were written; each row must name something there is or was."""
        for kind, statement in SUBJECTS.items():
            self._names[kind] |= {row[0] for row in await run_sql(self._dsn, statement.format(self._workspace_id))}
        rows = await run_sql(
            self._dsn,
            f"SELECT revision, kind, subject FROM changes WHERE lane = {lane_of(self._workspace_id)} "
            f"AND workspace_id = '{self._workspace_id}' AND revision > {self._seen} ORDER BY revision",
        )
        kinds = [ChangeKind(int(str(kind))) for _, kind, _ in rows]
        for kind, (revision, _, subject) in zip(kinds, rows, strict=True):
            assert subject in self._names[kind], (kind, subject)
            self._seen = int(str(revision))
        return {kind.name.lower() for kind in kinds}


@pytest.fixture
async def log(world: World, mysql_dsn: Dsn) -> Log:
    return Log(mysql_dsn, world.admin.workspace_id)


def test_the_page_names_every_operation_that_writes_and_no_other() -> None:
    assert {name for name in REQUESTS if not READS.search(name)} == OPERATIONS.keys()


def test_the_page_says_what_each_kind_drops() -> None:
    kinds = {kind.name.lower() for kind in ChangeKind if list(drops_of(Change("ws", kind, "x", "ks")))}
    assert set(re.findall(r"^\| ([a-z_]+) \| (?:id|digest|name keys|slug)", PAGE, re.MULTILINE)) == kinds


async def finishing(w: World) -> Body:
    """A first use of an imported key."""
    migration = await w.new_migration()
    api_id, key = await w.new_api(), secrets.token_hex(16)
    digest = hashlib.sha512(key.encode()).hexdigest()
    imported = {"hash": digest, "enabled": True}
    body = {"migrationId": migration, "apiId": api_id, "keys": [imported]}
    assert (await w.made("keys.migrateKeys", body))["migrated"]
    return {"key": key, "migrationId": migration}


async def new_namespace(w: World) -> Body:
    body: Any = await limit(w)
    return {**body, "namespace": fresh("new")}


async def new_namespaces(w: World) -> Body:
    body: Any = await multi_limit(w)
    return [{**item, "namespace": fresh("new")} for item in body]


async def held_permissions(w: World) -> Body:
    body: Any = await permissions_of_key(w)
    await w.made("keys.addPermissions", body)
    return dict(body)


async def held_roles(w: World) -> Body:
    body: Any = await roles_of_key(w)
    await w.made("keys.addRoles", body)
    return dict(body)


WRITING: dict[str, Callable[[World], Awaitable[Body]]] = {
    **REQUESTS,
    "keys.removePermissions": held_permissions,
    "keys.removeRoles": held_roles,
    "keys.verifyKey": finishing,
    "ratelimit.limit": new_namespace,
    "ratelimit.multiLimit": new_namespaces,
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_operation_writes_what_the_page_says(world: World, log: Log, name: str) -> None:
    body = await WRITING[name](world)
    await log.look()
    answer = await world.post(name, body)
    assert answer.status == 200, (shown(body), answer.body)
    assert await log.look() == OPERATIONS[name]


@pytest.mark.parametrize("name", [name for name in REQUESTS if READS.search(name)])
async def test_reading_writes_nothing(world: World, log: Log, name: str) -> None:
    body = await REQUESTS[name](world)
    await log.look()
    assert (await world.post(name, body)).status == 200
    assert await log.look() == set()


async def test_commands_write_what_the_page_says(world: World, log: Log, mysql_dsn: Dsn, tmp_path: Path) -> None:
    api, workspace_id = world.api, world.admin.workspace_id
    admin = WorkspaceAdmin(api.database, audit=AuditLog(clock=api.clock, ids=RandomIds()), clock=api.clock)
    written: dict[str, set[str]] = {}
    created = Log(mysql_dsn, await api.admin_service.create_workspace("Test", f"test-{secrets.token_hex(8)}"))
    written["unkey-api workspace create"] = await created.look()
    depot = Depot(api, mysql_dsn, world.admin, await world.new_api(), tmp_path)
    await log.look()
    await depot.import_lines({"key": secrets.token_hex(16)})
    written["unkey-api keys import"] = await log.look()
    issued = await api.admin_service.create_root_key(workspace_id, "test", ["api.*.read_api"])
    written["unkey-api root-key create"] = await log.look()
    for command, change in {
        "update": RootKeyChange(add=("api.*.read_key",)),
        "disable": RootKeyChange(enabled=False),
        "enable": RootKeyChange(enabled=True),
    }.items():
        await api.admin_service.root_keys.update(issued.id, change)
        written[f"unkey-api root-key {command}"] = await log.look()
    await api.admin_service.root_keys.rotate(issued.id, 0)
    written["unkey-api root-key rotate"] = await log.look()
    await api.admin_service.root_keys.revoke(issued.id)
    written["unkey-api root-key revoke"] = await log.look()
    await admin.set_limits(workspace_id, {"requests-per-minute": 600})
    written["unkey-api workspace set-limits"] = await log.look()
    await admin.switch(workspace_id, enabled=False)
    written["unkey-api workspace disable"] = await log.look()
    await admin.switch(workspace_id, enabled=True)
    written["unkey-api workspace enable"] = await log.look()
    await admin.delete(workspace_id, although_protected=True)
    written["unkey-api workspace delete"] = await log.look()
    assert written == COMMANDS
