"""New things land in the default project of their workspace, which comes into being with the first of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.identities.making import CREATE as CREATE_IDENTITY
from tests.rpc.permissions.making import path
from tests.rpc.ratelimit.making import LIMIT, body
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
GRANTS = (
    "api.*.create_api",
    "identity.*.create_identity",
    "rbac.*.create_permission",
    "rbac.*.create_role",
    "ratelimit.*.limit",
    "ratelimit.*.create_namespace",
)
CREATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "apis": ("/v2/apis.createApi", {"name": "an api"}),
    "identities": (CREATE_IDENTITY, {"externalId": "user_1"}),
    "permissions": (path("createPermission"), {"name": "n", "slug": "s"}),
    "roles": (path("createRole"), {"name": "n"}),
    "ratelimit_namespaces": (LIMIT, body("n")),
}
"""By table: what makes a row in it."""


@pytest.fixture
def workspace(stage: Stage) -> str:
    return stage.workspace()


@pytest.fixture
def key(stage: Stage, workspace: str) -> str:
    return stage.root_key(workspace, *GRANTS)


async def projects_of(stage: Stage, workspace: str) -> list[tuple[Any, ...]]:
    return await stage.sql(f"SELECT id FROM projects WHERE workspace_id = '{workspace}'")


async def project_in(stage: Stage, workspace: str, table: str) -> str:
    ((project,),) = await stage.sql(f"SELECT project_id FROM {table} WHERE workspace_id = '{workspace}'")
    return str(project)


@pytest.mark.parametrize("table", CREATIONS)
async def test_one_that_is_there_is_used(stage: Stage, workspace: str, key: str, table: str) -> None:
    project = stage.token("proj")
    await stage.insert("projects", id=project, workspace_id=workspace, name="Mine", slug="default", created_at=1)
    operation, request = CREATIONS[table]
    assert (await stage.post(operation, request, root_key=key)).status == 200
    assert await project_in(stage, workspace, table) == project
    assert await projects_of(stage, workspace) == [(project,)]


@pytest.mark.parametrize("table", CREATIONS)
async def test_missing_one_is_made_protected_and_without_an_audit_entry(
    stage: Stage, workspace: str, key: str, table: str
) -> None:
    operation, request = CREATIONS[table]
    assert (await stage.post(operation, request, root_key=key)).status == 200
    made = await stage.sql(
        "SELECT id, name, slug, delete_protection, created_at, updated_at FROM projects "
        f"WHERE workspace_id = '{workspace}'"
    )
    project = await project_in(stage, workspace, table)
    assert made == [(project, "Default", "default", 1, stage.clock.now_ms(), None)]
    assert len(await stage.audits(workspace)) == 1


async def test_creators_at_once_agree_on_one(stage: Stage, workspace: str, key: str) -> None:
    requests = [
        stage.post(operation, request, root_key=key, node=number)
        for number, (operation, request) in enumerate(CREATIONS.values())
    ]
    assert [answer.status for answer in await asyncio.gather(*requests)] == [200] * len(CREATIONS)
    ((project,),) = await projects_of(stage, workspace)
    assert {await project_in(stage, workspace, table) for table in CREATIONS} == {project}


async def test_project_of_another_workspace_is_not_used(stage: Stage, workspace: str, key: str) -> None:
    other = stage.token("proj")
    await stage.insert("projects", id=other, workspace_id=stage.workspace(), name="D", slug="default", created_at=1)
    operation, request = CREATIONS["apis"]
    await stage.post(operation, request, root_key=key)
    assert await project_in(stage, workspace, "apis") != other
