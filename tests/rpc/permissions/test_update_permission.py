"""permissions.updatePermission."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.permissions.making import (
    check_credentials,
    check_hidden,
    check_unknown_field,
    make_permission,
    path,
    permissions_of,
    urn_of,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
UPDATE = path("updatePermission")


class TestUpdated:
    async def test_given_fields_change_and_the_others_stay(self, stage: Stage, workspace: str, key: str) -> None:
        permission_id = await make_permission(stage, workspace, "a.b", name="A", description="d")
        answer = await stage.post(UPDATE, {"permission": "a.b", "slug": "c.d"}, root_key=key)
        expected = {"id": permission_id, "name": "A", "slug": "c.d", "description": "d"}
        assert (answer.status, answer.json["data"]) == (200, expected)
        assert await permissions_of(stage, workspace) == [(permission_id, "c.d", "A", "d")]
        stored = await stage.sql(f"SELECT updated_at_m FROM permissions WHERE id = '{permission_id}'")
        assert stored == [(stage.clock.now_ms(),)]
        (entry,) = await stage.audits(workspace)
        assert entry["event"] == "permission.update"
        assert entry["targets"][0]["meta"] == {"name": "A", "slug": "c.d", "description": "d"}
        assert entry["meta"]["changes"]["slug"]["to"] == "c.d"
        assert all(change["from"] != change["to"] for change in entry["meta"]["changes"].values())

    @pytest.mark.parametrize("description", [None, ""])
    async def test_null_and_empty_description_remove_it(
        self, stage: Stage, workspace: str, key: str, description: str | None
    ) -> None:
        await make_permission(stage, workspace, "a.b", description="d")
        answer = await stage.post(UPDATE, {"permission": "a.b", "description": description}, root_key=key)
        assert "description" not in answer.json["data"]
        assert (await permissions_of(stage, workspace))[0][3] is None

    async def test_nothing_to_change_writes_nothing(self, stage: Stage, workspace: str, key: str) -> None:
        permission_id = await make_permission(stage, workspace, "a.b")
        answer = await stage.post(UPDATE, {"permission": "a.b"}, root_key=key)
        assert answer.json["data"]["id"] == permission_id
        assert await stage.audits(workspace) == []

    async def test_own_slug_may_change_its_letter_case(self, stage: Stage, workspace: str, key: str) -> None:
        await make_permission(stage, workspace, "a.b")
        answer = await stage.post(UPDATE, {"permission": "a.b", "slug": "A.B"}, root_key=key)
        assert (answer.status, answer.json["data"]["slug"]) == (200, "A.B")


class TestConflict:
    async def test_slug_of_another_conflicts_in_any_letter_case(self, stage: Stage, workspace: str, key: str) -> None:
        await make_permission(stage, workspace, "a.b")
        await make_permission(stage, workspace, "taken")
        answer = await stage.post(UPDATE, {"permission": "a.b", "slug": "TAKEN"}, root_key=key)
        assert (answer.status, urn_of(answer)) == (409, "permission_already_exists")


class TestNotFound:
    async def test_absent_and_foreign_look_the_same(self, stage: Stage, key: str) -> None:
        elsewhere = stage.workspace()
        foreign = await make_permission(stage, elsewhere, "theirs")
        for which in ("nobody", foreign, "theirs"):
            await check_hidden(stage, key, UPDATE, {"permission": which}, "permission_not_found")
        assert len(await permissions_of(stage, elsewhere)) == 1


class TestAllowedAndDenied:
    @pytest.mark.parametrize(
        ("grant", "status"),
        [
            ("unkey:v1:{ws}:projects/proj_x/rbac/permissions/{id}#write", 200),
            ("unkey:v1:{ws}:projects/*/rbac/permissions/*#write", 200),
            ("rbac.*.update_permission", 200),
            ("unkey:v1:{ws}:projects/proj_y/rbac/permissions/{id}#write", 403),
            ("unkey:v1:{ws}:projects/proj_x/rbac/permissions/{id}#read", 403),
            ("rbac.*.create_permission", 403),
        ],
    )
    async def test_grant(self, stage: Stage, workspace: str, grant: str, status: int) -> None:
        permission_id = await make_permission(stage, workspace, "a.b")
        key = stage.root_key(workspace, grant.format(ws=workspace, id=permission_id))
        assert (await stage.post(UPDATE, {"permission": "a.b", "name": "x"}, root_key=key)).status == status


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, UPDATE, {"permission": "x"})

    @pytest.mark.parametrize("body", [{"name": ""}, {"name": None}, {"slug": "with space"}, {"description": "d" * 513}])
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(UPDATE, {"permission": "a.b"} | body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, UPDATE, {"permission": "x"})
