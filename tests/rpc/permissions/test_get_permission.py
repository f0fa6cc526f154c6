"""permissions.getPermission."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.permissions.making import (
    check_credentials,
    check_denial,
    check_hidden,
    check_unknown_field,
    make_permission,
    path,
    permissions_of,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
GET = path("getPermission")


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


class TestNotFound:
    async def test_absent_and_foreign_look_the_same(self, stage: Stage, key: str) -> None:
        elsewhere = stage.workspace()
        foreign = await make_permission(stage, elsewhere, "theirs")
        for which in ("nobody", foreign, "theirs"):
            await check_hidden(stage, key, GET, {"permission": which}, "permission_not_found")
        assert len(await permissions_of(stage, elsewhere)) == 1


class TestDenied:
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str) -> None:
        await check_denial(
            stage, workspace, GET, {"permission": "x"}, "Missing one of these permissions: rbac.*.read_permission"
        )


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, GET, {"permission": "x"})

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"permission": ""},
            {"permission": "with space"},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(GET, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, GET, {"permission": "x"})
