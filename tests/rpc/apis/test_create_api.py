"""apis.createApi."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.apis.making import urn_of
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
PATH = "/v2/apis.createApi"


class TestCreated:
    async def test_api_keyspace_project_and_audit_entry_are_written(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        answer = await stage.post(PATH, {"name": "payments"}, root_key=key)
        assert answer.status == 200
        api_id = answer.json["data"]["apiId"]
        assert answer.json["data"] == {"apiId": api_id}
        (row,) = await stage.sql(
            "SELECT a.name, a.auth_type, a.ip_whitelist, a.created_at_m, a.deleted_at_m, a.delete_protection, "
            "k.workspace_id, k.created_at_m, k.default_prefix, k.default_bytes, k.store_encrypted_keys, "
            "p.slug, a.project_id = k.project_id FROM apis a JOIN key_auth k ON k.id = a.key_auth_id "
            f"JOIN projects p ON p.id = a.project_id WHERE a.id = '{api_id}' AND a.workspace_id = '{workspace}'"
        )
        now = stage.clock.now_ms()
        assert row == ("payments", "key", None, now, None, 0, workspace, now, None, None, 0, "default", 1)
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == ("api.create", f"Created API {api_id}")
        assert entry["targets"] == [{"type": "api", "id": api_id, "name": "payments"}]
        assert entry["actor"]["type"] == "rootkey"
        assert (entry["remote_ip"], entry["bucket"]) == ("203.0.113.9", "unkey_mutations")

    async def test_same_name_gives_distinct_apis_and_keyspaces(self, stage: Stage, workspace: str, key: str) -> None:
        answers = await asyncio.gather(*(stage.post(PATH, {"name": "same"}, root_key=key) for _ in range(5)))
        assert len({answer.json["data"]["apiId"] for answer in answers}) == 5
        rows = await stage.sql(f"SELECT key_auth_id, project_id FROM apis WHERE workspace_id = '{workspace}'")
        assert len({keyspace for keyspace, _ in rows}) == 5
        assert len({project for _, project in rows}) == 1

    @pytest.mark.parametrize(
        "name", ["abc", "x" * 256, "日本語 🎉 API", "0b8e6a4e-9b6e-4a53-b0f5-0d7a4f0f8f5a", "<a&b>'\"\\%"]
    )
    async def test_name_is_stored_as_given(self, stage: Stage, key: str, name: str) -> None:
        api_id = (await stage.post(PATH, {"name": name}, root_key=key)).json["data"]["apiId"]
        shown = await stage.post("/v2/apis.getApi", {"apiId": api_id}, root_key=key)
        assert shown.json["data"] == {"id": api_id, "name": name}

    async def test_unrelated_grants_do_not_matter(self, stage: Stage, workspace: str) -> None:
        key = stage.root_key(workspace, "api.*.create_api", "identity.*.read_identity", "rubbish#")
        assert (await stage.post(PATH, {"name": "abc"}, root_key=key)).status == 200

    async def test_default_project_is_made_once(self, stage: Stage, workspace: str, key: str) -> None:
        await stage.post(PATH, {"name": "abc"}, root_key=key)
        with stage.statements.recording() as seen:
            await stage.post(PATH, {"name": "abc"}, root_key=key)
        made = ["project_find_by_slug", "key_auth_insert", "api_insert", "clickhouse_outbox_insert"]
        assert names(seen) == [*made, "change_lane_advance", "change_insert"]
        projects = await stage.sql(f"SELECT name, slug FROM projects WHERE workspace_id = '{workspace}'")
        assert projects == [("Default", "default")]


class TestInvalid:
    @pytest.mark.parametrize(
        "body",
        [{}, {"name": ""}, {"name": "ab"}, {"name": "x" * 257}, {"name": None}, {"name": 1}, {"name": "abc", "x": 1}],
    )
    async def test_body_that_breaks_the_schema_is_refused(
        self, stage: Stage, workspace: str, key: str, body: dict[str, Any]
    ) -> None:
        answer = await stage.post(PATH, body, root_key=key)
        assert answer.status == 400
        error = answer.json["error"]
        assert (error["title"], urn_of(answer)) == ("Bad Request", "invalid_input")
        assert error["detail"] == f"POST request body for '{PATH}' failed to validate schema"
        assert error["errors"]
        assert answer.json["meta"]["requestId"].startswith("req_")
        assert await stage.sql(f"SELECT id FROM apis WHERE workspace_id = '{workspace}'") == []

    async def test_violation_names_the_rule(self, stage: Stage, key: str) -> None:
        (violation,) = (await stage.post(PATH, {"name": "ab"}, root_key=key)).json["error"]["errors"]
        assert violation["location"] == "/properties/name/minLength"
        assert violation["message"] == "minLength: got 2, want 3"

    async def test_invalid_json_is_refused(self, stage: Stage, key: str) -> None:
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        assert (await stage.node.client.post(PATH, "{", headers=headers)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_invalid_input(self, stage: Stage) -> None:
        answer = await stage.post(PATH, {"name": "abc"})
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert answer.json["error"]["detail"] == "Authorization header for 'bearer' scheme"

    async def test_unknown_root_key_is_unauthorized(self, stage: Stage) -> None:
        assert (await stage.post(PATH, {"name": "abc"}, root_key="nobody")).status == 401


class TestDenied:
    @pytest.mark.parametrize(
        "grant",
        [
            "api.*.read_api",
            "identity.*.create_identity",
            "*",
            "api.*",
            "unkey:v1:{ws}:keyspaces/*#create_key",
            "api.x.create_api",
        ],
    )
    async def test_only_the_exact_grant_counts(self, stage: Stage, workspace: str, grant: str) -> None:
        key = stage.root_key(workspace, grant.format(ws=workspace))
        answer = await stage.post(PATH, {"name": "abc"}, root_key=key)
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert answer.json["error"]["detail"] == "Missing permission: 'api.*.create_api'"
        assert await stage.sql(f"SELECT id FROM projects WHERE workspace_id = '{workspace}'") == []
