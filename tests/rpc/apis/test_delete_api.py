"""apis.deleteApi."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.apis.making import NOT_FOUND, keyspace_of, make_api, make_key, urn_of
from tests.support.stage import Stage
from unkey_api.areas.apis.queries import mark_deleted
from unkey_api.core.columns import UnixMs

pytestmark = pytest.mark.integration
PATH = "/v2/apis.deleteApi"
GET = "/v2/apis.getApi"


class TestDeleted:
    async def test_row_is_marked_and_nothing_else_changes(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace)
        before = await row_of(stage, api_id)
        answer = await stage.post(PATH, {"apiId": api_id}, root_key=key)
        assert (answer.status, answer.json["data"]) == (200, {})
        assert await row_of(stage, api_id) == (*before[:-1], stage.clock.now_ms())
        keyspace = await stage.sql(f"SELECT deleted_at_m FROM key_auth WHERE id = '{before[2]}'")
        assert keyspace == [(None,)]
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == ("api.delete", f"Deleted API {api_id}")
        assert entry["targets"] == [{"type": "api", "id": api_id, "name": "an api"}]

    async def test_keys_of_the_api_stay_stored(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace)
        keys = [await make_key(stage, workspace, await keyspace_of(stage, api_id)) for _ in range(2)]
        assert (await stage.post(PATH, {"apiId": api_id}, root_key=key)).status == 200
        stored = await stage.sql(f"SELECT id, enabled, deleted_at_m FROM `keys` WHERE workspace_id = '{workspace}'")
        assert sorted(stored) == sorted((key_id, 1, None) for key_id in keys)

    async def test_api_created_a_moment_ago_can_be_deleted(self, stage: Stage, key: str) -> None:
        api_id = (await stage.post("/v2/apis.createApi", {"name": "abc"}, root_key=key)).json["data"]["apiId"]
        assert (await stage.post(PATH, {"apiId": api_id}, root_key=key)).status == 200

    async def test_cached_api_is_gone_here_at_once(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace)
        await stage.post(GET, {"apiId": api_id}, root_key=key)
        await stage.post(PATH, {"apiId": api_id}, root_key=key)
        assert (await stage.post(GET, {"apiId": api_id}, root_key=key)).status == 404

    async def test_specific_permission_suffices(self, stage: Stage, workspace: str) -> None:
        api_id = await make_api(stage, workspace)
        key = stage.root_key(workspace, f"api.{api_id}.delete_api")
        assert (await stage.post(PATH, {"apiId": api_id}, root_key=key)).status == 200

    async def test_concurrent_deletes_leave_one_audit_entry(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace)
        answers = await asyncio.gather(*(stage.post(PATH, {"apiId": api_id}, root_key=key) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 404, 404, 404]
        assert len(await stage.audits(workspace)) == 1

    async def test_second_mark_changes_nothing(self, stage: Stage, workspace: str) -> None:
        api_id = await make_api(stage, workspace)
        primary = stage.database.primary
        await mark_deleted(primary, api_id, workspace, now=UnixMs(1))
        await mark_deleted(primary, api_id, workspace, now=UnixMs(2))
        assert (await row_of(stage, api_id))[-1] == 1


class TestNotFound:
    async def test_absent_deleted_and_foreign_look_the_same(self, stage: Stage, workspace: str, key: str) -> None:
        foreign = await make_api(stage, stage.workspace(), delete_protection=1)
        deleted = await make_api(stage, workspace)
        await stage.post(PATH, {"apiId": deleted}, root_key=key)
        for api_id in ("api_nobodyhasit", deleted, deleted, foreign):
            answer = await stage.post(PATH, {"apiId": api_id}, root_key=key)
            assert (answer.status, urn_of(answer)) == (404, "api_not_found")
            assert answer.json["error"]["detail"] == NOT_FOUND
        assert (await row_of(stage, foreign))[-1] is None


class TestPrecondition:
    async def test_protected_api_stays(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace, delete_protection=1)
        answer = await stage.post(PATH, {"apiId": api_id}, root_key=key)
        assert (answer.status, urn_of(answer)) == (412, "protected_resource")
        expected = "This API has delete protection enabled. Disable it before attempting to delete."
        assert answer.json["error"]["detail"] == expected
        assert (await row_of(stage, api_id))[-1] is None
        assert await stage.audits(workspace) == []


class TestDenied:
    @pytest.mark.parametrize(
        "grants",
        [
            (),
            ("api.*.read_api",),
            ("api.api_other123.delete_api",),
            ("unkey:v1:{ws}:keyspaces/ks_other#delete_keyspace",),
        ],
    )
    async def test_denied_whether_it_exists_or_not(self, stage: Stage, workspace: str, grants: tuple[str, ...]) -> None:
        key = stage.root_key(workspace, *(grant.format(ws=workspace) for grant in grants))
        for api_id in (await make_api(stage, workspace), "api_nobodyhasit"):
            answer = await stage.post(PATH, {"apiId": api_id}, root_key=key)
            expected = f"Missing one of these permissions: api.*.delete_api or api.{api_id}.delete_api"
            assert (answer.status, answer.json["error"]["detail"]) == (403, expected)


class TestInvalid:
    @pytest.mark.parametrize("body", [{}, {"apiId": ""}, {"apiId": "a b c d e"}, {"apiId": "x" * 256}])
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(PATH, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        body = {"apiId": "api_12345678"}
        assert (await stage.post(PATH, body)).status == 400
        assert (await stage.post(PATH, body, root_key="nobody")).status == 401


async def row_of(stage: Stage, api_id: str) -> tuple[Any, ...]:
    (row,) = await stage.sql(
        "SELECT name, workspace_id, key_auth_id, updated_at_m, delete_protection, deleted_at_m "
        f"FROM apis WHERE id = '{api_id}'"
    )
    return row
