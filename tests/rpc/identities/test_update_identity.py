"""identities.updateIdentity."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.identities.making import (
    GET,
    UPDATE,
    a_limit,
    limits_of,
    make_identity,
    make_limit,
    urn_of,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration


@pytest.fixture
async def identity(stage: Stage, workspace: str) -> str:
    return await make_identity(stage, workspace, external_id="user_x", meta='{"old":1}')


class TestMeta:
    @pytest.mark.parametrize("by", ["id", "external id"])
    async def test_given_meta_replaces_all_of_it(
        self, stage: Stage, workspace: str, key: str, identity: str, by: str
    ) -> None:
        which = identity if by == "id" else "user_x"
        answer = await stage.post(UPDATE, {"identity": which, "meta": {"new": [1, None]}}, root_key=key)
        assert answer.json["data"] == {"id": identity, "externalId": "user_x", "meta": {"new": [1, None]}}
        assert (await stage.post(GET, {"identity": identity}, root_key=key)).json["data"]["meta"] == {"new": [1, None]}
        stored = await stage.sql(f"SELECT updated_at FROM identities WHERE id = '{identity}'")
        assert stored == [(stage.clock.now_ms(),)]
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == ("identity.update", f"Updated identity {identity}")
        assert entry["correlation_id"].startswith("cor_")
        assert entry["meta"] == {"changes": {"meta": {"from": '{"old":1}', "to": '{"new":[1,null]}'}}}

    async def test_empty_meta_clears(self, stage: Stage, key: str, identity: str) -> None:
        answer = await stage.post(UPDATE, {"identity": identity, "meta": {}}, root_key=key)
        assert "meta" not in answer.json["data"]
        assert "meta" not in (await stage.post(GET, {"identity": identity}, root_key=key)).json["data"]

    async def test_meta_and_limits_change_together(self, stage: Stage, key: str, identity: str) -> None:
        body = {"identity": identity, "meta": {"both": True}, "ratelimits": [a_limit("api_calls", 7)]}
        changed = (await stage.post(UPDATE, body, root_key=key)).json["data"]
        assert (changed["meta"], [item["limit"] for item in changed["ratelimits"]]) == ({"both": True}, [7])
        assert (await stage.post(GET, {"identity": identity}, root_key=key)).json["data"] == changed

    async def test_omitted_meta_stays(self, stage: Stage, key: str, identity: str) -> None:
        answer = await stage.post(UPDATE, {"identity": identity}, root_key=key)
        assert (answer.status, answer.json["data"]) == (200, {"id": identity, "externalId": "user_x"})
        assert (await stage.post(GET, {"identity": identity}, root_key=key)).json["data"]["meta"] == {"old": 1}


class TestRatelimits:
    async def test_list_replaces_the_set_by_name_and_keeps_ids(
        self, stage: Stage, workspace: str, key: str, identity: str
    ) -> None:
        calls = await make_limit(stage, workspace, identity, "api_calls")
        special = await make_limit(stage, workspace, identity, "special_feature")
        wanted = [a_limit("api_calls", 200), a_limit("new_feature", 5, 86_400_000, auto_apply=False)]
        answer = await stage.post(UPDATE, {"identity": identity, "ratelimits": wanted}, root_key=key)
        stored = await limits_of(stage, identity)
        now = stage.clock.now_ms()
        new = stored["new_feature"][0]
        assert stored == {
            "api_calls": (calls, 200, 60_000, 1, 1, now),
            "new_feature": (new, 5, 86_400_000, 0, now, None),
        }
        assert answer.json["data"]["ratelimits"] == [
            {"id": calls, "name": "api_calls", "limit": 200, "duration": 60_000, "autoApply": True},
            {"id": new, "name": "new_feature", "limit": 5, "duration": 86_400_000, "autoApply": False},
        ]
        assert "meta" not in answer.json["data"]
        entries = await stage.audits(workspace)
        assert [(entry["event"], entry["description"]) for entry in entries] == [
            ("identity.update", f"Updated identity {identity}"),
            ("ratelimit.delete", f"Deleted ratelimit {special}"),
            ("ratelimit.update", f"Updated ratelimit {calls}"),
            ("ratelimit.create", f"Created ratelimit {new}"),
        ]
        assert entries[1]["targets"][1] == {"type": "ratelimit", "id": special, "name": "special_feature"}
        assert len({entry["correlation_id"] for entry in entries}) == 1
        assert entries[2]["meta"]["changes"]["limit"]["to"] == 200
        assert "meta" not in entries[3]

    async def test_empty_list_removes_all(self, stage: Stage, workspace: str, key: str, identity: str) -> None:
        await make_limit(stage, workspace, identity, "api_calls")
        answer = await stage.post(UPDATE, {"identity": identity, "ratelimits": []}, root_key=key)
        assert "ratelimits" not in answer.json["data"]
        assert await limits_of(stage, identity) == {}

    async def test_omitted_list_stays_and_is_shown(self, stage: Stage, workspace: str, key: str, identity: str) -> None:
        limit_id = await make_limit(stage, workspace, identity, "api_calls")
        answer = await stage.post(UPDATE, {"identity": identity, "meta": {"a": 1}}, root_key=key)
        assert [item["id"] for item in answer.json["data"]["ratelimits"]] == [limit_id]

    async def test_limit_that_stays_the_same_is_not_written(
        self, stage: Stage, workspace: str, key: str, identity: str
    ) -> None:
        await make_limit(stage, workspace, identity, "api_calls")
        await stage.post(UPDATE, {"identity": identity, "ratelimits": [a_limit("api_calls")]}, root_key=key)
        assert (await limits_of(stage, identity))["api_calls"][-1] is None

    async def test_concurrent_updates_of_one_identity_all_succeed_and_tell_stored_ids(
        self, stage: Stage, key: str, identity: str
    ) -> None:
        wanted = [a_limit("aaa"), a_limit("bbb"), a_limit("ccc")]
        requests = (stage.post(UPDATE, {"identity": identity, "ratelimits": wanted}, root_key=key) for _ in range(10))
        answers = await asyncio.gather(*requests)
        assert {answer.status for answer in answers} == {200}
        stored = {row[0] for row in (await limits_of(stage, identity)).values()}
        assert all({item["id"] for item in answer.json["data"]["ratelimits"]} == stored for answer in answers)

    async def test_concurrent_updates_of_many_identities_do_not_deadlock(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        made = [await make_identity(stage, workspace) for _ in range(20)]
        for identity_id in made:
            for n in range(5):
                await make_limit(stage, workspace, identity_id, f"limit_{n}")
        for turn in range(3):
            wanted = [a_limit(f"limit_{n}", 1 + turn) for n in range(2, 5)] + [a_limit(f"new_{turn}")]
            answers = await asyncio.gather(
                *(stage.post(UPDATE, {"identity": id_, "ratelimits": wanted}, root_key=key) for id_ in made)
            )
            assert {answer.status for answer in answers} == {200}
        assert sorted(await limits_of(stage, made[0])) == ["limit_2", "limit_3", "limit_4", "new_2"]


class TestInvalid:
    async def test_name_given_twice_is_refused_even_for_an_unknown_identity(self, stage: Stage, key: str) -> None:
        body = {"identity": "nobody", "ratelimits": [a_limit("same"), a_limit("same", 5)]}
        answer = await stage.post(UPDATE, body, root_key=key)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert answer.json["error"]["detail"] == "Ratelimit with name 'same' is already defined in the request"

    async def test_meta_that_is_too_large_is_refused_before_the_lookup(self, stage: Stage, key: str) -> None:
        answer = await stage.post(UPDATE, {"identity": "nobody", "meta": {"k": "x" * 1_048_576}}, root_key=key)
        assert answer.status == 400
        assert "Metadata is too large" in answer.json["error"]["detail"]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"identity": ""},
            {"identity": "x", "extra": 1},
            {"identity": "x", "meta": None},
            {"identity": "x", "ratelimits": None},
            {"identity": "x", "ratelimits": [a_limit("abc", 0)]},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(UPDATE, body, root_key=key)).status == 400


class TestNotFound:
    async def test_unknown_deleted_and_foreign_are_not_found(
        self, stage: Stage, workspace: str, key: str, identity: str
    ) -> None:
        deleted = await make_identity(stage, workspace, deleted=1)
        for which in ("nobody", deleted):
            assert (await stage.post(UPDATE, {"identity": which, "meta": {}}, root_key=key)).status == 404
        stranger = stage.root_key(stage.workspace(), "identity.*.update_identity")
        answer = await stage.post(UPDATE, {"identity": identity, "meta": {}}, root_key=stranger)
        assert (answer.status, urn_of(answer)) == (404, "identity_not_found")


class TestDenied:
    @pytest.mark.parametrize("grant", ["", "identity.*.create_identity", "identity.{id}.update_identity"])
    async def test_denied_whether_it_exists_or_not(
        self, stage: Stage, workspace: str, identity: str, grant: str
    ) -> None:
        key = stage.root_key(workspace, grant.format(id=identity))
        for which in (identity, "nobody"):
            answer = await stage.post(UPDATE, {"identity": which}, root_key=key)
            assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")

    async def test_grant_over_all_projects_suffices(self, stage: Stage, workspace: str, identity: str) -> None:
        key = stage.root_key(workspace, f"unkey:v1:{workspace}:projects/*/**#update_identity")
        assert (await stage.post(UPDATE, {"identity": identity}, root_key=key)).status == 200


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        assert (await stage.post(UPDATE, {"identity": "x"})).status == 400
        assert (await stage.post(UPDATE, {"identity": "x"}, root_key="nobody")).status == 401
