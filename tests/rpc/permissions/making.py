"""Rows of the tests of permissions and roles."""

from __future__ import annotations

from typing import Any

from tests.support.asgi import Answer
from tests.support.stage import Stage

ALL = tuple(
    f"rbac.*.{action}"
    for action in (
        "create_permission",
        "read_permission",
        "delete_permission",
        "update_permission",
        "create_role",
        "read_role",
        "delete_role",
        "update_role",
        "add_permission_to_role",
        "remove_permission_from_role",
    )
)


CONNECT = "authorization.connect_role_and_permission"
DISCONNECT = "authorization.disconnect_role_and_permissions"


def urn_of(answer: Answer) -> str:
    """The last part of the error's type."""
    return str(answer.json["error"]["type"]).rsplit("/", 1)[-1]


def path(method: str) -> str:
    """The path of an operation of the area."""
    return f"/v2/permissions.{method}"


async def make_permission(stage: Stage, workspace: str, slug: str = "", **columns: Any) -> str:
    """Insert a permission and return its id."""
    permission_id = stage.token("perm")
    values: dict[str, Any] = {
        "id": permission_id,
        "workspace_id": workspace,
        "project_id": "proj_x",
        "name": slug or permission_id,
        "slug": slug or permission_id,
        "description": None,
    }
    await stage.insert("permissions", **(values | columns))
    return permission_id


async def make_role(stage: Stage, workspace: str, *permission_ids: str, **columns: Any) -> str:
    """Insert a role that has these permissions and return its id."""
    role_id = stage.token("role")
    values: dict[str, Any] = {"id": role_id, "workspace_id": workspace, "project_id": "proj_x", "name": role_id}
    await stage.insert("roles", **(values | columns))
    for permission_id in permission_ids:
        await stage.insert(
            "roles_permissions", role_id=role_id, permission_id=permission_id, workspace_id=workspace, created_at_m=1
        )
    return role_id


async def slugs_of_role(stage: Stage, role_id: str) -> set[str]:
    """Return the slugs a role has."""
    rows = await stage.sql(
        "SELECT p.slug FROM roles_permissions rp JOIN permissions p ON p.id = rp.permission_id "
        f"WHERE rp.role_id = '{role_id}'"
    )
    return {row[0] for row in rows}


async def permissions_of(stage: Stage, workspace: str) -> list[tuple[Any, ...]]:
    """Return id, slug, name and description of a workspace's permissions."""
    return await stage.sql(
        f"SELECT id, slug, name, description FROM permissions WHERE workspace_id = '{workspace}' ORDER BY slug"
    )


async def roles_of(stage: Stage, workspace: str) -> list[tuple[Any, ...]]:
    """Return id, name and description of a workspace's roles."""
    return await stage.sql(f"SELECT id, name, description FROM roles WHERE workspace_id = '{workspace}' ORDER BY name")


async def check_denial(stage: Stage, workspace: str, operation: str, body: dict[str, Any], detail: str) -> None:
    """Assert that every grant but the needed one is answered with this text, before any lookup."""
    others = tuple(grant for grant in ALL if grant not in detail)
    assert len(others) == len(ALL) - 1
    for grants in ((), others, (f"unkey:v1:{workspace}:rbac/**#read", "rbac.perm_1.read_permission", "*")):
        answer = await stage.post(operation, body, root_key=stage.root_key(workspace, *grants))
        assert (answer.status, answer.json["error"]["detail"]) == (403, detail)
        assert answer.json["error"]["title"] == "Insufficient Permissions"


async def check_credentials(stage: Stage, operation: str, body: dict[str, Any]) -> None:
    """Assert that a missing header is a bad request and an unknown root key unauthorized."""
    assert (await stage.post(operation, body)).status == 400
    assert (await stage.post(operation, body, root_key="nobody")).status == 401


async def check_unknown_field(stage: Stage, key: str, operation: str, body: dict[str, Any]) -> None:
    """Assert that a field too many is refused."""
    answer = await stage.post(operation, body | {"unknown": 1}, root_key=key)
    assert (answer.status, urn_of(answer)) == (400, "invalid_input")
    assert "validate schema" in answer.json["error"]["detail"]


async def check_hidden(stage: Stage, key: str, operation: str, body: dict[str, Any], urn: str) -> None:
    """Assert that something does not exist as far as this caller can tell."""
    answer = await stage.post(operation, body, root_key=key)
    assert (answer.status, urn_of(answer)) == (404, urn)
    assert "does not exist" in answer.json["error"]["detail"]
