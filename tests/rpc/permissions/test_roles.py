"""permissions.createRole, getRole, listRoles, updateRole, deleteRole and setRolePermissions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.permissions.making import make_permission, make_role, path, permissions_of, slugs_of_role, urn_of
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
CREATE, GET, LIST = path("createRole"), path("getRole"), path("listRoles")
UPDATE, DELETE, SET = path("updateRole"), path("deleteRole"), path("setRolePermissions")
CONNECT = "authorization.connect_role_and_permission"
DISCONNECT = "authorization.disconnect_role_and_permissions"


async def roles_of(stage: Stage, workspace: str) -> list[tuple[Any, ...]]:
    return await stage.sql(f"SELECT id, name, description FROM roles WHERE workspace_id = '{workspace}' ORDER BY name")


class TestCreated:
    @pytest.mark.parametrize("permissions", [{}, {"permissions": []}])
    async def test_role_without_permissions_needs_one_grant(
        self, stage: Stage, workspace: str, permissions: dict[str, Any]
    ) -> None:
        key = stage.root_key(workspace, "rbac.*.create_role")
        answer = await stage.post(CREATE, {"name": "Support team"} | permissions, root_key=key)
        assert answer.status == 200
        role_id = answer.json["data"]["roleId"]
        rows = await stage.sql(
            "SELECT r.workspace_id, r.name, r.description, r.created_at_m, p.slug FROM roles r "
            f"JOIN projects p ON p.id = r.project_id WHERE r.id = '{role_id}'"
        )
        assert rows == [(workspace, "Support team", None, stage.clock.now_ms(), "default")]
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == ("role.create", f"Created {role_id}")
        meta = {"name": "Support team", "description": ""}
        assert entry["targets"] == [{"type": "role", "id": role_id, "name": "Support team", "meta": meta}]

    async def test_missing_permissions_are_created_once_whatever_their_case(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        existing = await make_permission(stage, workspace, "a.existing", name="Existing")
        slugs = ["documents.write.x", "a.existing", "Documents.Write.X"]
        answer = await stage.post(CREATE, {"name": "r", "description": "d", "permissions": slugs}, root_key=key)
        role_id = answer.json["data"]["roleId"]
        assert await slugs_of_role(stage, role_id) == {"a.existing", "documents.write.x"}
        new = next(row for row in await permissions_of(stage, workspace) if row[1] == "documents.write.x")
        assert new[2:] == ("documents.write.x", None)
        entries = await stage.audits(workspace)
        assert [(entry["event"], entry["description"]) for entry in entries] == [
            ("role.create", f"Created {role_id}"),
            ("permission.create", f"Created documents.write.x ({new[0]})"),
            (CONNECT, "Added permission Existing to role r"),
            (CONNECT, "Added permission documents.write.x to role r"),
        ]
        assert len({entry["correlation_id"] for entry in entries}) == 1
        assert entries[1]["targets"][0]["meta"] == {"name": "documents.write.x", "slug": "documents.write.x"}
        assert entries[2]["targets"] == [
            {"type": "role", "id": role_id, "name": "r", "meta": {"name": "r", "description": "d"}},
            {"type": "permission", "id": existing, "name": "Existing"},
        ]

    async def test_existing_permission_of_another_case_is_reused_without_creating(
        self, stage: Stage, workspace: str
    ) -> None:
        await make_permission(stage, workspace, "Documents.Read.X")
        key = stage.root_key(workspace, "rbac.*.create_role", "rbac.*.add_permission_to_role")
        answer = await stage.post(CREATE, {"name": "r", "permissions": ["documents.read.x"]}, root_key=key)
        assert answer.status == 200
        assert await slugs_of_role(stage, answer.json["data"]["roleId"]) == {"Documents.Read.X"}

    async def test_concurrent_creators_share_the_missing_permission(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        requests = (
            stage.post(CREATE, {"name": f"r{n}", "permissions": ["new.one", "new.two"]}, root_key=key) for n in range(5)
        )
        answers = await asyncio.gather(*requests)
        assert {answer.status for answer in answers} == {200}
        for answer in answers:
            assert await slugs_of_role(stage, answer.json["data"]["roleId"]) == {"new.one", "new.two"}
        assert len(await permissions_of(stage, workspace)) == 2
        events = [entry["event"] for entry in await stage.audits(workspace)]
        assert events.count("permission.create") == 2

    async def test_statements_do_not_grow_with_permissions(self, stage: Stage, key: str) -> None:
        await stage.post(CREATE, {"name": "first"}, root_key=key)
        body = {"name": "r", "permissions": [f"slug.{n}" for n in range(60)]}
        with stage.statements.recording() as seen:
            await stage.post(CREATE, body, root_key=key)
        assert len(names(seen)) == 8


class TestCreateDenied:
    async def test_giving_permissions_needs_its_own_grant(self, stage: Stage, workspace: str) -> None:
        await make_permission(stage, workspace, "a.b")
        key = stage.root_key(workspace, "rbac.*.create_role", "rbac.*.create_permission")
        answer = await stage.post(CREATE, {"name": "r", "permissions": ["a.b"]}, root_key=key)
        assert (answer.status, answer.json["error"]["detail"]) == (
            403,
            "Missing permission: 'rbac.*.add_permission_to_role'",
        )
        assert await roles_of(stage, workspace) == []

    async def test_missing_permission_needs_the_grant_to_create_it(self, stage: Stage, workspace: str) -> None:
        await make_permission(stage, workspace, "a.b")
        key = stage.root_key(workspace, "rbac.*.create_role", "rbac.*.add_permission_to_role")
        answer = await stage.post(CREATE, {"name": "r", "permissions": ["a.b", "new"]}, root_key=key)
        assert (answer.status, answer.json["error"]["detail"]) == (
            403,
            "Missing permission: 'rbac.*.create_permission'",
        )
        assert await roles_of(stage, workspace) == []
        assert len(await permissions_of(stage, workspace)) == 1


class TestCreateConflict:
    @pytest.mark.parametrize("name", ["Support", "SUPPORT"])
    async def test_taken_name_conflicts_and_creates_nothing(
        self, stage: Stage, workspace: str, key: str, name: str
    ) -> None:
        await make_role(stage, workspace, name="Support")
        answer = await stage.post(CREATE, {"name": name, "permissions": ["new"]}, root_key=key)
        assert (answer.status, urn_of(answer)) == (409, "role_already_exists")
        assert answer.json["error"]["detail"] == f"A role with name '{name}' already exists in this workspace"
        assert await permissions_of(stage, workspace) == []
        assert await stage.audits(workspace) == []


class TestShown:
    async def test_found_by_id_and_by_name(self, stage: Stage, workspace: str, key: str) -> None:
        permission_id = await make_permission(stage, workspace, "a.b", description="pd")
        role_id = await make_role(stage, workspace, permission_id, name="The role", description="d")
        expected = {
            "id": role_id,
            "name": "The role",
            "description": "d",
            "permissions": [{"id": permission_id, "name": "a.b", "slug": "a.b", "description": "pd"}],
        }
        for which in (role_id, "The role"):
            answer = await stage.post(GET, {"role": which}, root_key=key)
            assert (answer.status, answer.json["data"]) == (200, expected)
        listed = await stage.post(LIST, {}, root_key=key)
        assert listed.json["data"] == [expected]

    async def test_empty_parts_are_left_out(self, stage: Stage, workspace: str, key: str) -> None:
        role_id = await make_role(stage, workspace, name="bare")
        expected = {"id": role_id, "name": "bare"}
        assert (await stage.post(GET, {"role": role_id}, root_key=key)).json["data"] == expected
        assert (await stage.post(LIST, {}, root_key=key)).json["data"] == [expected]

    async def test_list_takes_two_statements_whatever_the_page(self, stage: Stage, workspace: str, key: str) -> None:
        permission_id = await make_permission(stage, workspace)
        for _ in range(10):
            await make_role(stage, workspace, permission_id)
        await stage.post(LIST, {}, root_key=key)
        with stage.statements.recording() as seen:
            await stage.post(LIST, {}, root_key=key)
        assert names(seen) == ["role_list", "role_permission_list"]


class TestNotFound:
    @pytest.mark.parametrize(("operation", "more"), [(GET, {}), (DELETE, {}), (UPDATE, {}), (SET, {"permissions": []})])
    async def test_absent_and_foreign_look_the_same(
        self, stage: Stage, workspace: str, key: str, operation: str, more: dict[str, Any]
    ) -> None:
        foreign_workspace = stage.workspace()
        foreign = await make_role(stage, foreign_workspace, name="theirs")
        for which in ("nobody", foreign, "theirs"):
            answer = await stage.post(operation, {"role": which} | more, root_key=key)
            assert (answer.status, urn_of(answer)) == (404, "role_not_found")
            assert "does not exist" in answer.json["error"]["detail"]
        assert len(await roles_of(stage, foreign_workspace)) == 1


class TestDeleted:
    async def test_role_and_all_links_are_gone(self, stage: Stage, workspace: str, key: str) -> None:
        permission_id = await make_permission(stage, workspace, "a.b")
        role_id = await make_role(stage, workspace, permission_id, name="r", description="d")
        await stage.insert("keys_roles", key_id="key_1", role_id=role_id, workspace_id=workspace, created_at_m=1)
        answer = await stage.post(DELETE, {"role": "r"}, root_key=key)
        assert (answer.status, answer.json["data"]) == (200, {})
        assert await roles_of(stage, workspace) == []
        for table in ("keys_roles", "roles_permissions"):
            assert await stage.sql(f"SELECT pk FROM {table} WHERE workspace_id = '{workspace}'") == []
        assert len(await permissions_of(stage, workspace)) == 1
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == ("role.delete", f"Deleted {role_id}")
        assert entry["targets"][0]["meta"] == {"name": "r", "description": "d"}
        assert (await stage.post(DELETE, {"role": role_id}, root_key=key)).status == 404


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

    async def test_null_description_removes_it(self, stage: Stage, workspace: str, key: str) -> None:
        role_id = await make_role(stage, workspace, description="d")
        answer = await stage.post(UPDATE, {"role": role_id, "description": None}, root_key=key)
        assert answer.json["data"] == {"id": role_id, "name": role_id}

    async def test_nothing_to_change_writes_nothing(self, stage: Stage, workspace: str, key: str) -> None:
        role_id = await make_role(stage, workspace)
        assert (await stage.post(UPDATE, {"role": role_id}, root_key=key)).status == 200
        assert await stage.audits(workspace) == []

    async def test_name_of_another_conflicts(self, stage: Stage, workspace: str, key: str) -> None:
        await make_role(stage, workspace, name="taken")
        role_id = await make_role(stage, workspace)
        answer = await stage.post(UPDATE, {"role": role_id, "name": "Taken"}, root_key=key)
        assert (answer.status, urn_of(answer)) == (409, "role_already_exists")

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


class TestSet:
    @pytest.fixture
    async def role(self, stage: Stage, workspace: str) -> str:
        """A role called `r` that has `old.permission` and `keep.permission`."""
        ids = [await make_permission(stage, workspace, slug) for slug in ("old.permission", "keep.permission")]
        return await make_role(stage, workspace, *ids, name="r")

    @pytest.mark.parametrize("by", ["roleId", "role"])
    async def test_set_is_replaced_and_only_changes_are_audited(
        self, stage: Stage, workspace: str, key: str, role: str, by: str
    ) -> None:
        body = {by: role, "permissions": ["KEEP.Permission", "new.permission", "NEW.Permission"]}
        answer = await stage.post(SET, body, root_key=key)
        assert answer.status == 200
        assert [item["slug"] for item in answer.json["data"]] == ["keep.permission", "new.permission"]
        assert await slugs_of_role(stage, role) == {"keep.permission", "new.permission"}
        entries = await stage.audits(workspace)
        new_id = answer.json["data"][1]["id"]
        assert [(entry["event"], entry["description"]) for entry in entries] == [
            ("permission.create", f"Created new.permission ({new_id})"),
            (DISCONNECT, "Removed permission old.permission from role r"),
            (CONNECT, "Added permission new.permission to role r"),
        ]
        assert entries[0]["targets"] == [{"type": "permission", "id": new_id, "name": "new.permission"}]
        assert entries[1]["targets"][0] == {"type": "role", "id": role, "name": "r"}
        (correlation_id,) = {entry["correlation_id"] for entry in entries}
        assert correlation_id.startswith("cor_")

    async def test_repeating_changes_and_audits_nothing(
        self, stage: Stage, workspace: str, key: str, role: str
    ) -> None:
        body = {"roleId": role, "permissions": ["keep.permission", "old.permission"]}
        answer = await stage.post(SET, body, root_key=key)
        assert len(answer.json["data"]) == 2
        assert await stage.audits(workspace) == []

    async def test_single_change_carries_a_correlation_id(
        self, stage: Stage, workspace: str, key: str, role: str
    ) -> None:
        await stage.post(SET, {"role": "r", "permissions": ["keep.permission"]}, root_key=key)
        (entry,) = await stage.audits(workspace)
        assert entry["correlation_id"].startswith("cor_")

    async def test_empty_array_takes_all_away(self, stage: Stage, key: str, role: str) -> None:
        answer = await stage.post(SET, {"roleId": role, "permissions": []}, root_key=key)
        assert (answer.status, answer.json["data"]) == (200, [])
        assert await slugs_of_role(stage, role) == set()

    @pytest.mark.parametrize(
        ("grants", "missing"),
        [
            (("add_permission_to_role",), "remove_permission_from_role"),
            (("remove_permission_from_role",), "add_permission_to_role"),
        ],
    )
    async def test_both_grants_are_needed_even_to_clear(
        self, stage: Stage, workspace: str, role: str, grants: tuple[str, ...], missing: str
    ) -> None:
        key = stage.root_key(workspace, *(f"rbac.*.{grant}" for grant in grants))
        answer = await stage.post(SET, {"roleId": role, "permissions": []}, root_key=key)
        assert (answer.status, answer.json["error"]["detail"]) == (403, f"Missing permission: 'rbac.*.{missing}'")

    async def test_missing_permission_needs_the_grant_to_create_it(
        self, stage: Stage, workspace: str, role: str
    ) -> None:
        both = ("rbac.*.add_permission_to_role", "rbac.*.remove_permission_from_role")
        body = {"roleId": role, "permissions": ["new"]}
        answer = await stage.post(SET, body, root_key=stage.root_key(workspace, *both))
        expected = (
            f"Missing one of these permissions: unkey:v1:{workspace}:rbac/permissions/*#create_permission "
            "or rbac.*.create_permission"
        )
        assert (answer.status, answer.json["error"]["detail"]) == (403, expected)
        assert await slugs_of_role(stage, role) == {"old.permission", "keep.permission"}
        admin = stage.root_key(workspace, *both, f"unkey:v1:{workspace}:rbac/permissions/*#create_permission")
        assert (await stage.post(SET, body, root_key=admin)).status == 200

    async def test_two_roles_set_at_once_share_the_missing_permission(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        roles = [await make_role(stage, workspace) for _ in range(4)]
        requests = (stage.post(SET, {"roleId": id_, "permissions": ["new"]}, root_key=key) for id_ in roles)
        assert {answer.status for answer in await asyncio.gather(*requests)} == {200}
        assert len(await permissions_of(stage, workspace)) == 1
        for role_id in roles:
            assert await slugs_of_role(stage, role_id) == {"new"}
        events = [entry["event"] for entry in await stage.audits(workspace)]
        assert (events.count("permission.create"), events.count(CONNECT)) == (1, 4)

    async def test_one_role_set_many_times_at_once_ends_as_one_of_them(self, stage: Stage, key: str, role: str) -> None:
        sets = [["a", "b"], ["b", "c"], ["c", "d"], ["keep.permission"]]
        requests = (stage.post(SET, {"roleId": role, "permissions": slugs}, root_key=key) for slugs in sets)
        assert {answer.status for answer in await asyncio.gather(*requests)} == {200}
        assert sorted(await slugs_of_role(stage, role)) in sets
