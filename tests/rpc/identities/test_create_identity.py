"""identities.createIdentity."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.identities.making import CREATE, DELETE, GET, a_limit, limits_of, make_identity, urn_of
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration


class TestCreated:
    async def test_identity_is_live_in_the_default_project(self, stage: Stage, workspace: str, key: str) -> None:
        answer = await stage.post(CREATE, {"externalId": "u_1"}, root_key=key)
        assert answer.status == 200
        identity_id = answer.json["data"]["identityId"]
        assert answer.json["data"] == {"identityId": identity_id}
        rows = await stage.sql(
            "SELECT i.external_id, i.workspace_id, i.environment, i.meta, i.deleted, i.created_at, i.updated_at, "
            f"p.slug FROM identities i JOIN projects p ON p.id = i.project_id WHERE i.id = '{identity_id}'"
        )
        assert rows == [("u_1", workspace, "default", "{}", 0, stage.clock.now_ms(), None, "default")]
        (entry,) = await stage.audits(workspace)
        assert (entry["event"], entry["description"]) == ("identity.create", f"Created identity {identity_id}.")
        assert entry["targets"] == [{"type": "identity", "id": identity_id, "name": "u_1"}]
        assert entry["correlation_id"].startswith("cor_")

    async def test_meta_comes_back_as_it_was_given(self, stage: Stage, key: str) -> None:
        meta = {
            "nested": {"deep": [1, "two", {"three": None}]},
            "flag": True,
            "float": 3.14159,
            "int": 42,
            "empty": {},
            "none": [],
            "text": "<b>&ünïcode 🎉",
        }
        await stage.post(CREATE, {"externalId": "u_1", "meta": meta}, root_key=key)
        shown = await stage.post(GET, {"identity": "u_1"}, root_key=key)
        assert shown.json["data"]["meta"] == meta
        assert type(shown.json["data"]["meta"]["int"]) is int

    async def test_limits_are_stored_and_each_audited(self, stage: Stage, workspace: str, key: str) -> None:
        limits = [a_limit("bbb", 5, 1000), a_limit("aaa", auto_apply=False) | {"tolerated": 1}]
        body = {"externalId": "u_1", "ratelimits": limits}
        identity_id = (await stage.post(CREATE, body, root_key=key)).json["data"]["identityId"]
        stored = await limits_of(stage, identity_id)
        now = stage.clock.now_ms()
        assert {name: row[1:] for name, row in stored.items()} == {
            "bbb": (5, 1000, 1, now, None),
            "aaa": (100, 60_000, 0, now, None),
        }
        entries = await stage.audits(workspace)
        assert [entry["event"] for entry in entries] == ["identity.create", "ratelimit.create", "ratelimit.create"]
        assert entries[1]["description"] == f"Created ratelimit {stored['bbb'][0]}."
        assert entries[1]["targets"] == [
            {"type": "identity", "id": identity_id, "name": "u_1"},
            {"type": "ratelimit", "id": stored["bbb"][0], "name": "bbb"},
        ]
        assert len({entry["correlation_id"] for entry in entries}) == 1

    async def test_of_two_limits_with_one_name_the_last_counts(self, stage: Stage, workspace: str, key: str) -> None:
        body = {"externalId": "u_1", "ratelimits": [a_limit("same", 1), a_limit("same", 2)]}
        answer = await stage.post(CREATE, body, root_key=key)
        stored = await limits_of(stage, answer.json["data"]["identityId"])
        assert stored["same"][1] == 2
        entries = await stage.audits(workspace)
        assert [entry["targets"][-1]["id"] for entry in entries][1:] == [stored["same"][0]]

    async def test_deleted_identity_is_no_obstacle(self, stage: Stage, key: str) -> None:
        ids = []
        for _ in range(2):
            body = {"externalId": "u_1", "ratelimits": [a_limit("per_month")]}
            ids.append((await stage.post(CREATE, body, root_key=key)).json["data"]["identityId"])
            await stage.post(DELETE, {"identity": "u_1"}, root_key=key)
        answer = await stage.post(CREATE, {"externalId": "u_1"}, root_key=key)
        assert answer.json["data"]["identityId"] not in ids
        shown = await stage.post(GET, {"identity": "u_1"}, root_key=key)
        assert "ratelimits" not in shown.json["data"]

    async def test_grant_over_all_projects_suffices(self, stage: Stage, workspace: str) -> None:
        for grant in ("projects/*/identities/*#create_identity", "projects/**#create_identity", "**#*"):
            key = stage.root_key(workspace, f"unkey:v1:{workspace}:{grant}")
            assert (await stage.post(CREATE, {"externalId": stage.token()}, root_key=key)).status == 200

    async def test_unknown_top_level_fields_are_tolerated(self, stage: Stage, key: str) -> None:
        assert (await stage.post(CREATE, {"externalId": "u_1", "extra": 1}, root_key=key)).status == 200

    async def test_statements_do_not_grow_with_limits(self, stage: Stage, key: str) -> None:
        await stage.post(CREATE, {"externalId": "first"}, root_key=key)
        body = {"externalId": "u_1", "ratelimits": [a_limit(f"limit_{n}") for n in range(50)]}
        with stage.statements.recording() as seen:
            await stage.post(CREATE, body, root_key=key)
        assert names(seen) == [
            "project_find_by_slug",
            "identity_insert",
            "identity_ratelimit_insert",
            "clickhouse_outbox_insert",
            "change_lane_advance",
            "change_insert",
        ]


class TestConflict:
    async def test_same_external_id_again_conflicts(self, stage: Stage, workspace: str, key: str) -> None:
        await make_identity(stage, workspace, external_id="u_1")
        answer = await stage.post(CREATE, {"externalId": "u_1", "ratelimits": [a_limit("abc")]}, root_key=key)
        assert answer.status == 409
        error = answer.json["error"]
        assert error["type"] == "https://unkey.com/docs/errors/unkey/data/identity_already_exists"
        assert error["title"] == "Conflicting Resource"
        assert error["detail"] == "Identity with externalId 'u_1' already exists in this workspace."
        assert await stage.audits(workspace) == []

    async def test_of_concurrent_creators_one_wins(self, stage: Stage, key: str) -> None:
        requests = (stage.post(CREATE, {"externalId": "u_1"}, root_key=key) for _ in range(5))
        assert sorted(answer.status for answer in await asyncio.gather(*requests)) == [200, 409, 409, 409, 409]

    async def test_other_workspace_does_not_conflict(self, stage: Stage, key: str) -> None:
        await make_identity(stage, stage.workspace(), external_id="u_1")
        assert (await stage.post(CREATE, {"externalId": "u_1"}, root_key=key)).status == 200


class TestInvalid:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"externalId": ""},
            {"externalId": "x" * 256},
            {"externalId": "with space"},
            {"externalId": "u", "meta": None},
            {"externalId": "u", "meta": {f"k{n}": n for n in range(101)}},
            {"externalId": "u", "ratelimits": None},
            {"externalId": "u", "ratelimits": [{"limit": 1, "duration": 1000, "autoApply": True}]},
            {"externalId": "u", "ratelimits": [{"name": "abc", "limit": 1, "duration": 1000}]},
            {"externalId": "u", "ratelimits": [a_limit("abc", -10)]},
            {"externalId": "u", "ratelimits": [a_limit("abc", 0)]},
            {"externalId": "u", "ratelimits": [a_limit("abc", 1, 999)]},
            {"externalId": "u", "ratelimits": [a_limit("ab")]},
            {"externalId": "u", "ratelimits": [a_limit(f"limit_{n}") for n in range(51)]},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        answer = await stage.post(CREATE, body, root_key=key)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert "validate schema" in answer.json["error"]["detail"]

    async def test_meta_may_have_exactly_one_mebibyte(self, stage: Stage, key: str) -> None:
        room = 1_048_576 - len('{"k":""}')
        fits = await stage.post(CREATE, {"externalId": "fits", "meta": {"k": "x" * room}}, root_key=key)
        assert fits.status == 200
        answer = await stage.post(CREATE, {"externalId": "u", "meta": {"k": "x" * (room + 1)}}, root_key=key)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert answer.json["error"]["detail"] == "Metadata is too large: it must be at most 1.0 MB, but is 1.0 MB."
        assert answer.json["error"]["errors"] == []


class TestDenied:
    @pytest.mark.parametrize(
        "grant",
        [
            "identity.*.read_identity",
            "identity.create_identity",
            "IDENTITY.*.CREATE_IDENTITY",
            "unkey:v1:{ws}:projects/proj_1/identities/*#create_identity",
            "unkey:v1:{ws}:projects/*/identities/id_1#create_identity",
        ],
    )
    async def test_denial_names_both_forms(self, stage: Stage, workspace: str, grant: str) -> None:
        key = stage.root_key(workspace, grant.format(ws=workspace))
        answer = await stage.post(CREATE, {"externalId": "u_1"}, root_key=key)
        expected = (
            "Missing one of these permissions: identity.*.create_identity or "
            f"unkey:v1:{workspace}:projects/*/identities/*#create_identity"
        )
        assert (answer.status, answer.json["error"]["detail"]) == (403, expected)


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        assert (await stage.post(CREATE, {"externalId": "u_1"})).status == 400
        assert (await stage.post(CREATE, {"externalId": "u_1"}, root_key="nobody")).status == 401
