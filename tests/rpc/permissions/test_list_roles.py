"""permissions.listRoles."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.permissions.listing import Listing
from tests.rpc.permissions.making import (
    check_credentials,
    check_denial,
    check_unknown_field,
    make_permission,
    make_role,
    path,
)
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
LIST = path("listRoles")


class TestListed(Listing):
    method = "listRoles"
    column = "name"
    make = staticmethod(make_role)

    async def test_list_takes_two_statements_whatever_the_page(self, stage: Stage, workspace: str, key: str) -> None:
        permission_id = await make_permission(stage, workspace)
        for _ in range(10):
            await make_role(stage, workspace, permission_id)
        await stage.post(LIST, {}, root_key=key)
        with stage.statements.recording() as seen:
            await stage.post(LIST, {}, root_key=key)
        assert names(seen) == ["role_list", "role_permission_list"]


class TestNotFoundIsEmpty:
    """The contract lists 404; a list has nothing that could be missing."""

    async def test_search_that_fits_nothing_is_an_empty_page(self, stage: Stage, workspace: str, key: str) -> None:
        await make_role(stage, workspace)
        answer = await stage.post(LIST, {"search": "nobody"}, root_key=key)
        assert (answer.status, answer.json["data"], answer.json["pagination"]) == (200, [], {"hasMore": False})

    async def test_cursor_nobody_gave_is_a_lower_bound(self, stage: Stage, workspace: str, key: str) -> None:
        role_id = await make_role(stage, workspace)
        before = await stage.post(LIST, {"cursor": "role"}, root_key=key)
        behind = await stage.post(LIST, {"cursor": "zzzz"}, root_key=key)
        assert [item["id"] for item in before.json["data"]] == [role_id]
        assert (behind.status, behind.json["data"]) == (200, [])


class TestDenied:
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str) -> None:
        detail = "Missing one of these permissions: rbac.*.read_role"
        await check_denial(stage, workspace, LIST, {}, detail)


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, LIST, {})

    @pytest.mark.parametrize(
        "body",
        [
            {"limit": 0},
            {"limit": 101},
            {"search": "x" * 257},
            {"cursor": "x" * 1025},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(LIST, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, LIST, {})
