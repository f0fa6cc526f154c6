"""A permission, role or identity that is deleted between the look at it and the change of it: it is not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.harness import Caller, Harness
from tests.support.meanwhile import change_after
from tests.support.mysql import run_sql
from unkey_api.infra.mysql import Dsn

pytestmark = pytest.mark.integration


@pytest.fixture
async def caller(api: Harness) -> Caller:
    """Has a permission `p.q`, a role `r` that has it, and an identity `u`."""
    made = await api.admin()
    for path, body in (
        ("permissions.createPermission", {"name": "p", "slug": "p.q"}),
        ("permissions.createRole", {"name": "r"}),
        ("identities.createIdentity", {"externalId": "u"}),
    ):
        assert (await api.post(f"/v2/{path}", body, made)).status == 200
    return made


async def audited(dsn: Dsn, caller: Caller) -> int:
    [(count,)] = await run_sql(
        dsn, f"SELECT COUNT(*) FROM clickhouse_outbox WHERE workspace_id = '{caller.workspace_id}'"
    )
    return int(str(count))


PERMISSION = ("permission_find_by_key", "DELETE FROM permissions WHERE slug = 'p.q' AND")
ROLE = ("role_find_by_key", "DELETE FROM roles WHERE name = 'r' AND")
IDENTITY = ("identity_find_by_key", "UPDATE identities SET deleted = 1 WHERE external_id = 'u' AND")


@pytest.mark.parametrize(
    ("path", "body", "looked_and_deleted"),
    [
        ("permissions.updatePermission", {"permission": "p.q", "name": "n"}, PERMISSION),
        ("permissions.deletePermission", {"permission": "p.q"}, PERMISSION),
        ("permissions.updateRole", {"role": "r", "name": "n"}, ROLE),
        ("permissions.deleteRole", {"role": "r"}, ROLE),
        ("permissions.setRolePermissions", {"role": "r", "permissions": ["p.q"]}, ROLE),
        ("identities.updateIdentity", {"identity": "u", "meta": {"a": 1}}, IDENTITY),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_it_is_not_found_and_nothing_is_written(
    api: Harness, mysql_dsn: Dsn, caller: Caller, path: str, body: dict[str, Any], looked_and_deleted: tuple[str, str]
) -> None:
    looked, deletion = looked_and_deleted
    entries = await audited(mysql_dsn, caller)
    change_after(api.statements, mysql_dsn, looked, f"{deletion} workspace_id = '{caller.workspace_id}'")
    answer = await api.post(f"/v2/{path}", body, caller)
    assert answer.status == 404, answer.body
    assert await audited(mysql_dsn, caller) == entries


async def test_an_identity_that_was_deleted_meanwhile_is_deleted(api: Harness, mysql_dsn: Dsn, caller: Caller) -> None:
    entries = await audited(mysql_dsn, caller)
    looked, deletion = IDENTITY
    change_after(api.statements, mysql_dsn, looked, f"{deletion} workspace_id = '{caller.workspace_id}'")
    assert (await api.post("/v2/identities.deleteIdentity", {"identity": "u"}, caller)).status == 200
    assert await audited(mysql_dsn, caller) == entries
