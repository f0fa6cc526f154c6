"""What all operations on permissions and roles share."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.permissions.making import make_permission, make_role, path, urn_of
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
OPERATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "createPermission": ({"name": "n", "slug": "s"}, "Missing permission: 'rbac.*.create_permission'"),
    "getPermission": ({"permission": "x"}, "Missing one of these permissions: rbac.*.read_permission"),
    "listPermissions": ({}, "Missing one of these permissions: rbac.*.read_permission"),
    "deletePermission": ({"permission": "x"}, "Missing one of these permissions: rbac.*.delete_permission"),
    "createRole": ({"name": "n"}, "Missing one of these permissions: rbac.*.create_role"),
    "getRole": ({"role": "x"}, "Missing one of these permissions: rbac.*.read_role"),
    "listRoles": ({}, "Missing one of these permissions: rbac.*.read_role"),
    "deleteRole": ({"role": "x"}, "Missing one of these permissions: rbac.*.delete_role"),
    "setRolePermissions": (
        {"roleId": "role_x", "permissions": []},
        "Missing permission: 'rbac.*.add_permission_to_role'",
    ),
}
LISTS = {"listPermissions": ("slug", make_permission), "listRoles": ("name", make_role)}


class TestDenied:
    @pytest.mark.parametrize("method", OPERATIONS)
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str, method: str) -> None:
        body, detail = OPERATIONS[method]
        for grants in ((), (f"unkey:v1:{workspace}:**#*", "rbac.perm_1.read_permission", "*")):
            answer = await stage.post(path(method), body, root_key=stage.root_key(workspace, *grants))
            assert (answer.status, answer.json["error"]["detail"]) == (403, detail)
            assert answer.json["error"]["title"] == "Insufficient Permissions"


class TestUnauthenticated:
    @pytest.mark.parametrize("method", [*OPERATIONS, "updatePermission", "updateRole"])
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage, method: str) -> None:
        body = OPERATIONS.get(method, ({"permission": "x"} if method == "updatePermission" else {"role": "x"}, ""))[0]
        assert (await stage.post(path(method), body)).status == 400
        assert (await stage.post(path(method), body, root_key="nobody")).status == 401


class TestInvalid:
    @pytest.mark.parametrize("method", OPERATIONS)
    async def test_unknown_field_is_refused(self, stage: Stage, key: str, method: str) -> None:
        answer = await stage.post(path(method), OPERATIONS[method][0] | {"unknown": 1}, root_key=key)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert "validate schema" in answer.json["error"]["detail"]

    @pytest.mark.parametrize(
        ("method", "body"),
        [
            ("createPermission", {"name": "n"}),
            ("createPermission", {"slug": "s"}),
            ("createPermission", {"name": "", "slug": "s"}),
            ("createPermission", {"name": "n", "slug": ""}),
            ("createPermission", {"name": "n", "slug": "with space"}),
            ("createPermission", {"name": "n", "slug": "@#$%"}),
            ("createPermission", {"name": "n", "slug": "s" * 129}),
            ("createPermission", {"name": "n" * 513, "slug": "s"}),
            ("createPermission", {"name": "n", "slug": "s", "description": "d" * 513}),
            ("getPermission", {}),
            ("getPermission", {"permission": ""}),
            ("getPermission", {"permission": "with space"}),
            ("getRole", {"role": ""}),
            ("getRole", {"role": "r" * 129}),
            ("createRole", {}),
            ("createRole", {"name": "n" * 129}),
            ("createRole", {"name": "n", "permissions": [""]}),
            ("listPermissions", {"limit": 0}),
            ("listPermissions", {"limit": 101}),
            ("listPermissions", {"search": "x" * 257}),
            ("listPermissions", {"cursor": "x" * 1025}),
            ("listRoles", {"limit": 101}),
            ("listRoles", {"search": "x" * 257}),
            ("setRolePermissions", {"permissions": []}),
            ("setRolePermissions", {"roleId": "role_x"}),
            ("setRolePermissions", {"roleId": "role_x", "role": "x", "permissions": []}),
            ("setRolePermissions", {"roleId": "role_x", "permissions": [""]}),
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(
        self, stage: Stage, key: str, method: str, body: dict[str, Any]
    ) -> None:
        assert (await stage.post(path(method), body, root_key=key)).status == 400


@pytest.mark.parametrize("method", LISTS)
class TestLists:
    async def test_pages_hold_each_row_once(self, stage: Stage, workspace: str, key: str, method: str) -> None:
        _, make = LISTS[method]
        made = {await make(stage, workspace) for _ in range(7)}
        await make(stage, stage.workspace())
        body: dict[str, Any] = {"limit": 3}
        pages: list[list[str]] = []
        while True:
            answer = await stage.post(path(method), body, root_key=key)
            pages.append([item["id"] for item in answer.json["data"]])
            if not answer.json["pagination"]["hasMore"]:
                assert "cursor" not in answer.json["pagination"]
                break
            body["cursor"] = answer.json["pagination"]["cursor"]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert {id_ for page in pages for id_ in page} == made
        assert pages[1][0] == sorted_ids(pages)[3]

    async def test_default_page_holds_a_hundred(self, stage: Stage, workspace: str, key: str, method: str) -> None:
        _, make = LISTS[method]
        for _ in range(101):
            await make(stage, workspace)
        answer = await stage.post(path(method), {}, root_key=key)
        assert (len(answer.json["data"]), answer.json["pagination"]["hasMore"]) == (100, True)

    async def test_empty_workspace_gives_an_empty_page(self, stage: Stage, key: str, method: str) -> None:
        answer = await stage.post(path(method), {}, root_key=key)
        assert (answer.status, answer.json["data"], answer.json["pagination"]) == (200, [], {"hasMore": False})

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("documents", {0}),
            ("DOCUMENTS", {0}),
            ("  documents  ", {0}),
            ("d_cuments", set()),
            ("about 100%", {1}),
            ("told", {1, 2}),
            ("   ", {0, 1, 2}),
            ("\\", set()),
        ],
    )
    async def test_search_is_a_literal_substring_in_any_case(
        self, stage: Stage, workspace: str, key: str, method: str, search: str, found: set[int]
    ) -> None:
        column, make = LISTS[method]
        ids = [
            await make(stage, workspace, **{column: "documents.read", "name": "documents.read"}),
            await make(stage, workspace, description="told about 100% of it"),
            await make(stage, workspace, description="told about 1000 of them"),
        ]
        answer = await stage.post(path(method), {"search": search}, root_key=key)
        assert {item["id"] for item in answer.json["data"]} == {ids[n] for n in found}

    async def test_search_finds_ids(self, stage: Stage, workspace: str, key: str, method: str) -> None:
        _, make = LISTS[method]
        ids = [await make(stage, workspace) for _ in range(2)]
        answer = await stage.post(path(method), {"search": ids[0].upper()}, root_key=key)
        assert [item["id"] for item in answer.json["data"]] == ids[:1]


def sorted_ids(pages: list[list[str]]) -> list[str]:
    """The ids in the order in which the database gave them."""
    return [id_ for page in pages for id_ in page]
