"""permissions.createPermission."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.permissions.making import (
    check_credentials,
    check_denial,
    check_unknown_field,
    make_permission,
    path,
    permissions_of,
    urn_of,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration
CREATE = path("createPermission")


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


class TestConflict:
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


class TestDenied:
    async def test_denied_before_the_lookup_in_these_words(self, stage: Stage, workspace: str) -> None:
        await check_denial(
            stage, workspace, CREATE, {"name": "n", "slug": "s"}, "Missing permission: 'rbac.*.create_permission'"
        )


class TestInvalid:
    async def test_unknown_field_is_refused(self, stage: Stage, key: str) -> None:
        await check_unknown_field(stage, key, CREATE, {"name": "n", "slug": "s"})

    @pytest.mark.parametrize(
        "body",
        [
            {"name": "n"},
            {"slug": "s"},
            {"name": "", "slug": "s"},
            {"name": "n", "slug": ""},
            {"name": "n", "slug": "with space"},
            {"name": "n", "slug": "@#$%"},
            {"name": "n", "slug": "s" * 129},
            {"name": "n" * 513, "slug": "s"},
            {"name": "n", "slug": "s", "description": "d" * 513},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(CREATE, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        await check_credentials(stage, CREATE, {"name": "n", "slug": "s"})
