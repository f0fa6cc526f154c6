"""permissions.createRole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.permissions.making import (
    CONNECT,
    check_credentials,
    check_denial,
    check_unknown_field,
    make_permission,
    make_role,
    path,
    permissions_of,
    roles_of,
    slugs_of_role,
    urn_of,
)
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
CREATE = path("createRole")


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
        assert len(names(seen)) == 9


class TestConflict:
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


class TestDenied:
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str) -> None:
        await check_denial(
            stage, workspace, CREATE, {"name": "n"}, "Missing one of these permissions: rbac.*.create_role"
        )

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


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, CREATE, {"name": "n"})

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": "n" * 129},
            {"name": "n", "permissions": [""]},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(CREATE, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, CREATE, {"name": "n"})
