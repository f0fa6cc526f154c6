"""permissions.createPermission, getPermission, listPermissions, updatePermission and deletePermission."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.permissions.making import make_permission, make_role, path, permissions_of, slugs_of_role, urn_of
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
CREATE, GET = path("createPermission"), path("getPermission")
LIST, UPDATE, DELETE = path("listPermissions"), path("updatePermission"), path("deletePermission")


class TestCreated:
    async def test_permission_is_stored_in_the_default_project(self, stage: Stage, workspace: str, key: str) -> None:
        body = {"name": "Read documents", "slug": "documents.read", "description": "all of them"}
        answer = await stage.post(CREATE, body, root_key=key)
        assert answer.status == 200
        permission_id = answer.json["data"]["permissionId"]
        rows = await stage.sql(
            "SELECT pe.workspace_id, pe.name, pe.slug, pe.description, pe.created_at_m, pe.updated_at_m, p.slug "
            f"FROM permissions pe JOIN projects p ON p.id = pe.project_id WHERE pe.id = '{permission_id}'"
        )
        now = stage.clock.now_ms()
        assert rows == [(workspace, "Read documents", "documents.read", "all of them", now, None, "default")]
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == ("permission.create", f"Created {permission_id}")
        meta = {"name": "Read documents", "slug": "documents.read", "description": "all of them"}
        assert entry["targets"] == [{"type": "permission", "id": permission_id, "name": "Read documents", "meta": meta}]

    @pytest.mark.parametrize("description", [{}, {"description": ""}])
    async def test_no_description_is_null(
        self, stage: Stage, workspace: str, key: str, description: dict[str, str]
    ) -> None:
        await stage.post(CREATE, {"name": "n", "slug": "s"} | description, root_key=key)
        assert (await permissions_of(stage, workspace))[0][3] is None
        (entry,) = await stage.audits(workspace)
        assert entry["targets"][0]["meta"]["description"] == ""

    @pytest.mark.parametrize(
        "slug",
        ["simple", "with-dashes", "with_underscores", "with.periods", "Mixed123Case", "all-valid_chars.123", "a:b.*"],
    )
    async def test_slug_may_hold_these_characters(self, stage: Stage, key: str, slug: str) -> None:
        assert (await stage.post(CREATE, {"name": "n", "slug": slug}, root_key=key)).status == 200

    async def test_two_permissions_may_share_a_name(self, stage: Stage, key: str) -> None:
        for slug in ("a", "b"):
            assert (await stage.post(CREATE, {"name": "same", "slug": slug}, root_key=key)).status == 200


class TestCreateConflict:
    @pytest.mark.parametrize("slug", ["documents.read", "Documents.READ"])
    async def test_taken_slug_conflicts_in_any_letter_case(
        self, stage: Stage, workspace: str, key: str, slug: str
    ) -> None:
        await make_permission(stage, workspace, "documents.read")
        answer = await stage.post(CREATE, {"name": "n", "slug": slug}, root_key=key)
        assert (answer.status, urn_of(answer)) == (409, "permission_already_exists")
        assert answer.json["error"]["title"] == "Conflicting Resource"
        expected = f"A permission with slug '{slug}' already exists in this workspace"
        assert answer.json["error"]["detail"] == expected
        assert await stage.audits(workspace) == []

    async def test_of_concurrent_creators_one_wins(self, stage: Stage, key: str) -> None:
        requests = (stage.post(CREATE, {"name": "n", "slug": "s"}, root_key=key) for _ in range(4))
        assert sorted(answer.status for answer in await asyncio.gather(*requests)) == [200, 409, 409, 409]


class TestShown:
    async def test_found_by_id_and_by_slug(self, stage: Stage, workspace: str, key: str) -> None:
        permission_id = await make_permission(stage, workspace, "a.b", name="A", description="d")
        expected = {"id": permission_id, "name": "A", "slug": "a.b", "description": "d"}
        for which in (permission_id, "a.b"):
            answer = await stage.post(GET, {"permission": which}, root_key=key)
            assert (answer.status, answer.json["data"]) == (200, expected)

    async def test_missing_description_is_left_out(self, stage: Stage, workspace: str, key: str) -> None:
        await make_permission(stage, workspace, "a.b")
        assert "description" not in (await stage.post(GET, {"permission": "a.b"}, root_key=key)).json["data"]

    async def test_id_wins_over_an_equal_slug(self, stage: Stage, workspace: str, key: str) -> None:
        first = await make_permission(stage, workspace)
        await make_permission(stage, workspace, "z" + first)
        await stage.sql(f"UPDATE permissions SET slug = 'other' WHERE id = '{first}'")
        await make_permission(stage, workspace, first)
        assert (await stage.post(GET, {"permission": first}, root_key=key)).json["data"]["id"] == first

    async def test_list_takes_one_statement(self, stage: Stage, workspace: str, key: str) -> None:
        await make_permission(stage, workspace)
        await stage.post(LIST, {}, root_key=key)
        with stage.statements.recording() as seen:
            await stage.post(LIST, {}, root_key=key)
        assert names(seen) == ["permission_list"]


class TestNotFound:
    @pytest.mark.parametrize("operation", [GET, DELETE, UPDATE])
    async def test_absent_and_foreign_look_the_same(
        self, stage: Stage, workspace: str, key: str, operation: str
    ) -> None:
        foreign_workspace = stage.workspace()
        foreign = await make_permission(stage, foreign_workspace, "theirs")
        for which in ("nobody", foreign, "theirs"):
            answer = await stage.post(operation, {"permission": which}, root_key=key)
            assert (answer.status, urn_of(answer)) == (404, "permission_not_found")
            assert "does not exist" in answer.json["error"]["detail"]
        assert len(await permissions_of(stage, foreign_workspace)) == 1


class TestDeleted:
    async def test_row_and_all_links_are_gone(self, stage: Stage, workspace: str, key: str) -> None:
        permission_id = await make_permission(stage, workspace, "a.b", description="d")
        kept = await make_permission(stage, workspace, "kept")
        role_id = await make_role(stage, workspace, permission_id, kept)
        for linked in (permission_id, kept):
            await stage.insert(
                "keys_permissions", key_id="key_1", permission_id=linked, workspace_id=workspace, created_at_m=1
            )
        answer = await stage.post(DELETE, {"permission": "a.b"}, root_key=key)
        assert (answer.status, answer.json["data"]) == (200, {})
        assert [row[1] for row in await permissions_of(stage, workspace)] == ["kept"]
        assert await slugs_of_role(stage, role_id) == {"kept"}
        links = await stage.sql(f"SELECT permission_id FROM keys_permissions WHERE workspace_id = '{workspace}'")
        assert links == [(kept,)]
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == ("permission.delete", f"Deleted {permission_id}")
        assert entry["targets"][0]["meta"] == {"name": "a.b", "slug": "a.b", "description": "d"}

    async def test_second_delete_is_not_found(self, stage: Stage, workspace: str, key: str) -> None:
        await make_permission(stage, workspace, "a.b")
        answers = await asyncio.gather(*(stage.post(DELETE, {"permission": "a.b"}, root_key=key) for _ in range(3)))
        assert sorted(answer.status for answer in answers) == [200, 404, 404]
        assert len(await stage.audits(workspace)) == 1

    async def test_without_the_grant_nothing_happens(self, stage: Stage, workspace: str) -> None:
        await make_permission(stage, workspace, "a.b")
        key = stage.root_key(workspace, "rbac.*.read_permission")
        assert (await stage.post(DELETE, {"permission": "a.b"}, root_key=key)).status == 403
        assert len(await permissions_of(stage, workspace)) == 1


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

    async def test_slug_of_another_conflicts_in_any_letter_case(self, stage: Stage, workspace: str, key: str) -> None:
        await make_permission(stage, workspace, "a.b")
        await make_permission(stage, workspace, "taken")
        answer = await stage.post(UPDATE, {"permission": "a.b", "slug": "TAKEN"}, root_key=key)
        assert (answer.status, urn_of(answer)) == (409, "permission_already_exists")

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

    @pytest.mark.parametrize("body", [{"name": ""}, {"name": None}, {"slug": "with space"}, {"description": "d" * 513}])
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(UPDATE, {"permission": "a.b"} | body, root_key=key)).status == 400
