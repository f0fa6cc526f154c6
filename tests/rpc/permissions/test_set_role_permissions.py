"""permissions.setRolePermissions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.permissions.making import (
    CONNECT,
    DISCONNECT,
    check_credentials,
    check_denial,
    check_hidden,
    check_unknown_field,
    make_permission,
    make_role,
    path,
    permissions_of,
    roles_of,
    slugs_of_role,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
SET = path("setRolePermissions")


@pytest.fixture
async def role(stage: Stage, workspace: str) -> str:
    """A role called `r` that has `old.permission` and `keep.permission`."""
    ids = [await make_permission(stage, workspace, slug) for slug in ("old.permission", "keep.permission")]
    return await make_role(stage, workspace, *ids, name="r")


class TestSet:
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


class TestConcurrency:
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


class TestNotFound:
    async def test_absent_and_foreign_look_the_same(self, stage: Stage, key: str) -> None:
        elsewhere = stage.workspace()
        foreign = await make_role(stage, elsewhere, name="theirs")
        for which in ("nobody", foreign, "theirs"):
            await check_hidden(stage, key, SET, {"role": which, "permissions": []}, "role_not_found")
        assert len(await roles_of(stage, elsewhere)) == 1


class TestDenied:
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str) -> None:
        await check_denial(
            stage,
            workspace,
            SET,
            {"roleId": "role_x", "permissions": []},
            "Missing permission: 'rbac.*.add_permission_to_role'",
        )

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


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, SET, {"roleId": "role_x", "permissions": []})

    @pytest.mark.parametrize(
        "body",
        [
            {"permissions": []},
            {"roleId": "role_x"},
            {"roleId": "role_x", "role": "x", "permissions": []},
            {"roleId": "role_x", "permissions": [""]},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(SET, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, SET, {"roleId": "role_x", "permissions": []})
