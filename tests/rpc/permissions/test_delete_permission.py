"""permissions.deletePermission."""

from __future__ import annotations

import asyncio
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
    permissions_of,
    slugs_of_role,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
DELETE = path("deletePermission")


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


class TestNotFound:
    async def test_absent_and_foreign_look_the_same(self, stage: Stage, key: str) -> None:
        elsewhere = stage.workspace()
        foreign = await make_permission(stage, elsewhere, "theirs")
        for which in ("nobody", foreign, "theirs"):
            await check_hidden(stage, key, DELETE, {"permission": which}, "permission_not_found")
        assert len(await permissions_of(stage, elsewhere)) == 1


class TestDenied:
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str) -> None:
        await check_denial(
            stage, workspace, DELETE, {"permission": "x"}, "Missing one of these permissions: rbac.*.delete_permission"
        )

    async def test_without_the_grant_nothing_happens(self, stage: Stage, workspace: str) -> None:
        await make_permission(stage, workspace, "a.b")
        key = stage.root_key(workspace, "rbac.*.read_permission")
        assert (await stage.post(DELETE, {"permission": "a.b"}, root_key=key)).status == 403
        assert len(await permissions_of(stage, workspace)) == 1


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, DELETE, {"permission": "x"})

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"permission": ""},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(DELETE, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, DELETE, {"permission": "x"})
