"""permissions.updateRole."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.permissions.making import (
    check_credentials,
    check_hidden,
    check_unknown_field,
    make_permission,
    make_role,
    path,
    roles_of,
    slugs_of_role,
    urn_of,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
GET, UPDATE = path("getRole"), path("updateRole")


class TestUpdated:
    async def test_given_fields_change_and_permissions_stay(self, stage: Stage, workspace: str, key: str) -> None:
        role_id = await make_role(stage, workspace, await make_permission(stage, workspace, "a.b"), name="old")
        answer = await stage.post(UPDATE, {"role": "old", "name": "new", "description": "d"}, root_key=key)
        assert (answer.status, answer.json["data"]) == (200, {"id": role_id, "name": "new", "description": "d"})
        assert await roles_of(stage, workspace) == [(role_id, "new", "d")]
        assert await slugs_of_role(stage, role_id) == {"a.b"}
        assert (await stage.post(GET, {"role": "old"}, root_key=key)).status == 404
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["targets"][0]["meta"]) == ("role.update", {"name": "new", "description": "d"})
        assert entry["meta"]["changes"]["name"]["to"] == "new"

    async def test_null_description_removes_it(self, stage: Stage, workspace: str, key: str) -> None:
        role_id = await make_role(stage, workspace, description="d")
        answer = await stage.post(UPDATE, {"role": role_id, "description": None}, root_key=key)
        assert answer.json["data"] == {"id": role_id, "name": role_id}

    async def test_nothing_to_change_writes_nothing(self, stage: Stage, workspace: str, key: str) -> None:
        role_id = await make_role(stage, workspace)
        assert (await stage.post(UPDATE, {"role": role_id}, root_key=key)).status == 200
        assert await stage.audits(workspace) == []


class TestConflict:
    async def test_name_of_another_conflicts(self, stage: Stage, workspace: str, key: str) -> None:
        await make_role(stage, workspace, name="taken")
        role_id = await make_role(stage, workspace)
        answer = await stage.post(UPDATE, {"role": role_id, "name": "Taken"}, root_key=key)
        assert (answer.status, urn_of(answer)) == (409, "role_already_exists")


class TestNotFound:
    async def test_absent_and_foreign_look_the_same(self, stage: Stage, key: str) -> None:
        elsewhere = stage.workspace()
        foreign = await make_role(stage, elsewhere, name="theirs")
        for which in ("nobody", foreign, "theirs"):
            await check_hidden(stage, key, UPDATE, {"role": which}, "role_not_found")
        assert len(await roles_of(stage, elsewhere)) == 1


class TestAllowedAndDenied:
    @pytest.mark.parametrize(
        ("grant", "status"),
        [
            ("unkey:v1:{ws}:projects/proj_x/rbac/roles/{id}#write", 200),
            ("unkey:v1:{ws}:**#*", 200),
            ("rbac.*.update_role", 200),
            ("rbac.*.create_role", 403),
        ],
    )
    async def test_grant(self, stage: Stage, workspace: str, grant: str, status: int) -> None:
        role_id = await make_role(stage, workspace)
        key = stage.root_key(workspace, grant.format(ws=workspace, id=role_id))
        assert (await stage.post(UPDATE, {"role": role_id, "name": "x"}, root_key=key)).status == status


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, UPDATE, {"role": "x"})

    @pytest.mark.parametrize(
        "body",
        [
            {"role": "x", "name": ""},
            {"role": "x", "name": None},
            {"role": "x", "name": "n" * 129},
            {"role": "x", "description": "d" * 513},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(UPDATE, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, UPDATE, {"role": "x"})
