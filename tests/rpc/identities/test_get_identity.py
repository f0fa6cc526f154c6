"""identities.getIdentity."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.identities.making import CREATE, GET, NOT_FOUND, make_identity, make_limit, urn_of
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration


class TestShown:
    async def test_found_by_id_and_by_external_id(self, stage: Stage, workspace: str, key: str) -> None:
        identity_id = await make_identity(stage, workspace, external_id="user_x", meta='{"plan":"pro","n":42}')
        limit_id = await make_limit(stage, workspace, identity_id, "per_day", limit=7, duration=86_400_000)
        expected = {
            "id": identity_id,
            "externalId": "user_x",
            "meta": {"plan": "pro", "n": 42},
            "ratelimits": [{"id": limit_id, "name": "per_day", "limit": 7, "duration": 86_400_000, "autoApply": True}],
        }
        for which in (identity_id, "user_x"):
            answer = await stage.post(GET, {"identity": which}, root_key=key)
            assert (answer.status, answer.json["data"]) == (200, expected)

    @pytest.mark.parametrize("meta", [None, "{}"])
    async def test_empty_parts_are_left_out(self, stage: Stage, workspace: str, key: str, meta: str | None) -> None:
        identity_id = await make_identity(stage, workspace, external_id="user_x", meta=meta)
        answer = await stage.post(GET, {"identity": identity_id}, root_key=key)
        assert answer.json["data"] == {"id": identity_id, "externalId": "user_x"}

    async def test_meta_is_shown_as_it_was_given(self, stage: Stage, key: str) -> None:
        meta = {"n": 42, "f": 3.14159, "none": None, "deep": {"list": [1, [], {}, "é"]}, "long": "x" * 5000}
        await stage.post(CREATE, {"externalId": "user_x", "meta": meta}, root_key=key)
        assert (await stage.post(GET, {"identity": "user_x"}, root_key=key)).json["data"]["meta"] == meta

    async def test_all_limits_are_shown(self, stage: Stage, workspace: str, key: str) -> None:
        identity_id = await make_identity(stage, workspace)
        for n in range(10):
            await make_limit(stage, workspace, identity_id, f"limit_{n}", limit=n + 1)
        shown = (await stage.post(GET, {"identity": identity_id}, root_key=key)).json["data"]["ratelimits"]
        assert {item["name"]: item["limit"] for item in shown} == {f"limit_{n}": n + 1 for n in range(10)}

    async def test_id_wins_over_an_equal_external_id(self, stage: Stage, workspace: str, key: str) -> None:
        first = await make_identity(stage, workspace)
        await make_identity(stage, workspace, external_id=first)
        assert (await stage.post(GET, {"identity": first}, root_key=key)).json["data"]["id"] == first

    async def test_grant_for_this_identity_suffices(self, stage: Stage, workspace: str) -> None:
        identity_id = await make_identity(stage, workspace)
        key = stage.root_key(workspace, f"identity.{identity_id}.read_identity")
        assert (await stage.post(GET, {"identity": identity_id}, root_key=key)).status == 200

    async def test_two_statements_are_enough(self, stage: Stage, workspace: str, key: str) -> None:
        identity_id = await make_identity(stage, workspace)
        await stage.post(GET, {"identity": identity_id}, root_key=key)
        with stage.statements.recording() as seen:
            await stage.post(GET, {"identity": identity_id}, root_key=key)
        assert names(seen) == ["identity_find_by_key", "identity_ratelimit_list"]


class TestNotFound:
    async def test_absent_deleted_foreign_and_impossible_look_the_same(self, stage: Stage, workspace: str) -> None:
        deleted = await make_identity(stage, workspace, deleted=1)
        foreign = await make_identity(stage, stage.workspace())
        for which in ("nobody", deleted, foreign, "@#$%", "test_" + "\0" * 1000):
            answer = await stage.post(GET, {"identity": which}, root_key=stage.root_key(workspace))
            assert (answer.status, urn_of(answer)) == (404, "identity_not_found")
            assert answer.json["error"]["detail"] == NOT_FOUND


class TestDenied:
    async def test_existing_identity_is_denied_without_naming_grants(self, stage: Stage, workspace: str) -> None:
        identity_id = await make_identity(stage, workspace)
        for grants in ((), ("identity.id_other.read_identity",)):
            answer = await stage.post(GET, {"identity": identity_id}, root_key=stage.root_key(workspace, *grants))
            expected = (
                f"Missing one of these permissions: identity.*.read_identity or identity.{identity_id}.read_identity "
                f"or unkey:v1:{workspace}:projects/*/identities/*#read_identity"
            )
            assert (answer.status, answer.json["error"]["detail"]) == (403, expected)


class TestInvalid:
    @pytest.mark.parametrize("body", [{}, {"identity": ""}, {"identity": "x", "extra": 1}])
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(GET, body, root_key=key)).status == 400

    async def test_violation_of_an_empty_value_names_its_rule(self, stage: Stage, key: str) -> None:
        answer = await stage.post(GET, {"identity": ""}, root_key=key)
        assert answer.json["error"]["errors"][0]["location"] == "/properties/identity/minLength"


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        answer = await stage.post(GET, {"identity": "x"})
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert answer.json["error"]["detail"] == "Authorization header for 'bearer' scheme"
        assert (await stage.post(GET, {"identity": "x"}, root_key="nobody")).status == 401
