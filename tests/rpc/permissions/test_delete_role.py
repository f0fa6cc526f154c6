"""permissions.deleteRole."""

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
    permissions_of,
    roles_of,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
DELETE = path("deleteRole")


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

    async def test_role_without_links_can_be_deleted(self, stage: Stage, workspace: str, key: str) -> None:
        role_id = await make_role(stage, workspace)
        assert (await stage.post(DELETE, {"role": role_id}, root_key=key)).status == 200
        assert await roles_of(stage, workspace) == []


class TestNotFound:
    async def test_absent_and_foreign_look_the_same(self, stage: Stage, key: str) -> None:
        elsewhere = stage.workspace()
        foreign = await make_role(stage, elsewhere, name="theirs")
        for which in ("nobody", foreign, "theirs"):
            await check_hidden(stage, key, DELETE, {"role": which}, "role_not_found")
        assert len(await roles_of(stage, elsewhere)) == 1


class TestDenied:
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str) -> None:
        await check_denial(
            stage, workspace, DELETE, {"role": "x"}, "Missing one of these permissions: rbac.*.delete_role"
        )

    async def test_without_the_grant_nothing_happens(self, stage: Stage, workspace: str) -> None:
        role_id = await make_role(stage, workspace)
        key = stage.root_key(workspace, "rbac.*.read_role")
        assert (await stage.post(DELETE, {"role": role_id}, root_key=key)).status == 403
        assert len(await roles_of(stage, workspace)) == 1


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, DELETE, {"role": "x"})

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"role": ""},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(DELETE, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, DELETE, {"role": "x"})
