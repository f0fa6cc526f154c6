"""apis.getApi."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.apis.making import NOT_FOUND, make_api, urn_of
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
PATH = "/v2/apis.getApi"


class TestShown:
    @pytest.mark.parametrize("name", ["an api", "日本語 🎉", "x" * 250])
    async def test_id_and_name_are_shown(self, stage: Stage, workspace: str, key: str, name: str) -> None:
        api_id = await make_api(stage, workspace, name=name)
        answer = await stage.post(PATH, {"apiId": api_id}, root_key=key)
        assert (answer.status, answer.json["data"]) == (200, {"id": api_id, "name": name})

    async def test_specific_permission_suffices(self, stage: Stage, workspace: str) -> None:
        api_id = await make_api(stage, workspace)
        key = stage.root_key(workspace, f"api.{api_id}.read_api")
        assert (await stage.post(PATH, {"apiId": api_id}, root_key=key)).status == 200


class TestNotFound:
    async def test_absent_deleted_and_foreign_look_the_same(self, stage: Stage, workspace: str, key: str) -> None:
        deleted = await make_api(stage, workspace, deleted_at_m=1)
        no_keyspace = await make_api(stage, workspace, keyspace={"deleted_at_m": 1})
        foreign = await make_api(stage, stage.workspace())
        answers = [
            await stage.post(PATH, {"apiId": id_}, root_key=key)
            for id_ in ("api_nobody", deleted, no_keyspace, foreign)
        ]
        assert {answer.status for answer in answers} == {404}
        assert {urn_of(answer) for answer in answers} == {"api_not_found"}
        assert all(answer.json["error"] == answers[0].json["error"] for answer in answers)
        assert answers[0].json["error"]["detail"] == NOT_FOUND


class TestDenied:
    @pytest.mark.parametrize(
        "grants",
        [
            (),
            ("api.*.create_api",),
            ("api.api_other123.read_api",),
            ("unkey:v1:{ws}:keyspaces/ks_other#read_keyspace",),
        ],
    )
    async def test_denied_whether_it_exists_or_not(self, stage: Stage, workspace: str, grants: tuple[str, ...]) -> None:
        key = stage.root_key(workspace, *(grant.format(ws=workspace) for grant in grants))
        for api_id in (await make_api(stage, workspace), "api_nobodyhasit"):
            answer = await stage.post(PATH, {"apiId": api_id}, root_key=key)
            expected = f"Missing one of these permissions: api.*.read_api or api.{api_id}.read_api"
            assert (answer.status, answer.json["error"]["detail"]) == (403, expected)


class TestInvalid:
    @pytest.mark.parametrize(
        "body", [{}, {"apiId": ""}, {"apiId": "short_1"}, {"apiId": "x" * 256}, {"apiId": "api-1234567"}]
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(PATH, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_unknown_root_key_is_unauthorized(self, stage: Stage) -> None:
        assert (await stage.post(PATH, {"apiId": "api_12345678"}, root_key="nobody")).status == 401


class TestCached:
    async def test_timing_header_tells_miss_fresh_and_stale(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace)
        timings = []
        for pause in (0, 0, 10_000):
            stage.clock.advance(pause)
            answer = await stage.post(PATH, {"apiId": api_id}, root_key=key)
            timings.append(answer.headers["x-unkey-timing"])
        await stage.node.refreshes.idle()
        assert [timing.partition("=")[0] for timing in timings] == ["cache_get{cache"] * 3
        assert [timing.rpartition("=")[0] for timing in timings] == [
            f"cache_get{{cache=live_api_by_id,status={status}}}" for status in ("miss", "fresh", "stale")
        ]
        assert all(timing.rpartition("=")[2][0] in "123456789" for timing in timings)

    async def test_fresh_read_asks_no_store(self, stage: Stage, workspace: str, key: str) -> None:
        api_id = await make_api(stage, workspace)
        with stage.statements.recording() as seen:
            await asyncio.gather(*(stage.post(PATH, {"apiId": api_id}, root_key=key) for _ in range(5)))
        assert names(seen).count("api_find_live_by_id") == 1
        with stage.statements.recording() as seen:
            await stage.post(PATH, {"apiId": api_id}, root_key=key)
        assert seen == []

    @pytest.mark.live_replica
    async def test_deleting_through_one_node_reaches_the_others_within_one_stale_answer(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        api_id = await make_api(stage, workspace)
        for node in range(3):
            await stage.post(PATH, {"apiId": api_id}, root_key=key, node=node)
        await stage.post("/v2/apis.deleteApi", {"apiId": api_id}, root_key=key)
        stage.clock.advance(10_000)
        for node in range(3):
            await stage.post(PATH, {"apiId": api_id}, root_key=key, node=node)
            await stage.nodes[node].refreshes.idle()
        for node in range(3):
            assert (await stage.post(PATH, {"apiId": api_id}, root_key=key, node=node)).status == 404


class TestUnavailable:
    async def test_store_that_fails_is_never_not_found(self, stage: Stage, workspace: str, key: str) -> None:
        api_id, other = await make_api(stage, workspace), await make_api(stage, workspace)
        await stage.post(PATH, {"apiId": api_id}, root_key=key)
        await stage.sql("RENAME TABLE apis TO apis_away")
        try:
            stage.clock.advance(3_600_000)
            cached = await stage.post(PATH, {"apiId": api_id}, root_key=key)
            unknown = await stage.post(PATH, {"apiId": other}, root_key=key)
            await stage.node.refreshes.idle()
        finally:
            await stage.sql("RENAME TABLE apis_away TO apis")
        assert (cached.status, unknown.status) == (200, 500)
        assert urn_of(unknown) == "service_unavailable"
        assert (await stage.post(PATH, {"apiId": other}, root_key=key)).status == 200
