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
