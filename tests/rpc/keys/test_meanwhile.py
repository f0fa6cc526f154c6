"""A key or an API that is deleted between the look at it and the change of it: the answer is that it is not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.keys import Key, KeyWorld, fresh, hash_of
from tests.support.meanwhile import change_after

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("updateKey", {"name": "other"}),
        ("updateKey", {"permissions": ["a"]}),
        ("deleteKey", {}),
        ("deleteKey", {"permanent": True}),
        ("rerollKey", {"expiration": 0}),
        ("updateCredits", {"operation": "set", "value": 1}),
        ("setPermissions", {"permissions": ["b"]}),
        ("setPermissions", {"permissions": []}),
        ("addPermissions", {"permissions": ["b"]}),
        ("removePermissions", {"permissions": ["a"]}),
        ("setRoles", {"roles": []}),
        ("addRoles", {"roles": ["r"]}),
        ("removeRoles", {"roles": ["r"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value) or "plain",
)
async def test_key(world: KeyWorld, method: str, body: dict[str, Any]) -> None:
    key = await world.key(remaining_requests=5)
    await world.ok("addPermissions", {"keyId": key.id, "permissions": ["a"]})
    await world.role("r")
    if method == "removeRoles":
        await world.ok("addRoles", {"keyId": key.id, "roles": ["r"]})
    entries = await world.audit()
    change_after(
        world.statements, world.dsn, "live_key_find_by_id", f"UPDATE `keys` SET deleted_at_m = 1 WHERE id = '{key.id}'"
    )
    answer = await world.call(method, {"keyId": key.id, **body})
    assert answer.status == 404, answer.body
    assert answer.json["error"]["detail"] == "The specified key was not found."
    assert await world.audit() == entries
    columns = ("name", "expires", "remaining_requests", "deleted_at_m")
    assert await world.one("keys", key.id, *columns) == (None, None, 5, 1)


@pytest.mark.parametrize(
    ("method", "looked"), [("createKey", "issuing_api_find"), ("migrateKeys", "key_migration_find")]
)
async def test_api(world: KeyWorld, method: str, looked: str) -> None:
    migration = fresh("mig")
    await world.insert("key_migrations", id=migration, workspace_id=world.workspace_id, algorithm="sha256")
    body = {"migrationId": migration, "keys": [{"hash": hash_of("sk")}]} if method == "migrateKeys" else {}
    change_after(world.statements, world.dsn, looked, f"UPDATE apis SET deleted_at_m = 1 WHERE id = '{world.api.id}'")
    answer = await world.call(method, {"apiId": world.api.id, **body})
    assert answer.status == 404, answer.body
    assert answer.json["error"]["type"].endswith("data/api_not_found")
    assert await world.count("keys", f"key_auth_id = '{world.api.keyspace_id}'") == 0


@pytest.mark.parametrize("operation", ["increment", "decrement"])
async def test_credits_that_became_unlimited_cannot_be_counted(world: KeyWorld, operation: str) -> None:
    key = await world.key(remaining_requests=5)
    change = f"UPDATE `keys` SET remaining_requests = NULL WHERE id = '{key.id}'"
    change_after(world.statements, world.dsn, "live_key_find_by_id", change)
    answer = await world.call("updateCredits", {"keyId": key.id, "operation": operation, "value": 1})
    assert answer.status == 400, answer.body
    assert answer.json["error"]["detail"].startswith("Unlimited credits cannot be")
    assert await world.one("keys", key.id, "remaining_requests") == (None,)


async def links(world: KeyWorld, kind: str, key: Key) -> tuple[int, int]:
    """Return how many permissions or roles the key is linked to, and how many of those do not exist."""
    [(count, dangling)] = await world.sql(
        "SELECT COUNT(*), COALESCE(SUM(p.id IS NULL), 0) "
        f"FROM keys_{kind}s k LEFT JOIN {kind}s p ON p.id = k.{kind}_id "
        f"WHERE k.key_id = '{key.id}'"
    )
    return int(str(count)), int(str(dangling))


@pytest.mark.parametrize("method", ["addPermissions", "setPermissions", "updateKey"])
async def test_permission_that_was_deleted_before_it_was_given_is_made_anew(world: KeyWorld, method: str) -> None:
    key, permission = await world.key(), await world.permission("p")
    deletion = f"DELETE FROM permissions WHERE id = '{permission}'"
    change_after(world.statements, world.dsn, "permission_list_by_slugs", deletion)
    await world.ok(method, {"keyId": key.id, "permissions": ["p"]})
    assert (await world.ok("getKey", {"keyId": key.id}))["permissions"] == ["p"]
    assert await links(world, "permission", key) == (1, 0)


@pytest.mark.parametrize("method", ["addRoles", "setRoles", "updateKey"])
async def test_role_that_was_deleted_before_it_was_given_is_not_given(world: KeyWorld, method: str) -> None:
    key, role = await world.key(), await world.role("r")
    looked = "role_list_by_names" if method == "updateKey" else "role_list_by_names_with_permissions"
    change_after(world.statements, world.dsn, looked, f"DELETE FROM roles WHERE id = '{role}'")
    answer = await world.call(method, {"keyId": key.id, "roles": ["r"]})
    assert answer.status == 404, answer.body
    assert answer.json["error"]["detail"] == "Role 'r' was not found."
    assert await links(world, "role", key) == (0, 0)
