"""permissions.getRole."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.permissions.making import (
    check_credentials,
    check_denial,
    check_hidden,
    check_unknown_field,
    make_permission,
    make_role,
    path,
    roles_of,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
GET, LIST = path("getRole"), path("listRoles")


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


class TestNotFound:
    async def test_absent_and_foreign_look_the_same(self, stage: Stage, key: str) -> None:
        elsewhere = stage.workspace()
        foreign = await make_role(stage, elsewhere, name="theirs")
        for which in ("nobody", foreign, "theirs"):
            await check_hidden(stage, key, GET, {"role": which}, "role_not_found")
        assert len(await roles_of(stage, elsewhere)) == 1


class TestDenied:
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str) -> None:
        detail = "Missing one of these permissions: rbac.*.read_role"
        await check_denial(stage, workspace, GET, {"role": "x"}, detail)


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, GET, {"role": "x"})

    @pytest.mark.parametrize(
        "body",
        [
            {"role": ""},
            {"role": "r" * 129},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(GET, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, GET, {"role": "x"})
