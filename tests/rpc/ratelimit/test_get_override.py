"""ratelimit.getOverride."""

from __future__ import annotations

import pytest

from tests.rpc.ratelimit.making import (
    GET,
    SET,
    make_namespace,
    make_override,
    named,
    urn_of,
    wanted,
)
from tests.support.stage import Stage

pytestmark = pytest.mark.integration


class TestShown:
    async def test_override_is_shown(self, stage: Stage, workspace: str, key: str, namespace: str) -> None:
        override_id = await make_override(stage, workspace, namespace, "user_1")
        answer = await stage.post(GET, named(namespace), root_key=key)
        expected = {"overrideId": override_id, "identifier": "user_1", "limit": 200, "duration": 120_000}
        assert (answer.status, answer.json["data"]) == (200, expected)

    async def test_pattern_answers_for_what_it_covers(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        await make_override(stage, workspace, namespace, "user_*")
        for identifier in ("user_1", "user_*"):
            answer = await stage.post(GET, named(namespace, identifier), root_key=key)
            assert answer.json["data"]["identifier"] == "user_*"

    @pytest.mark.live_replica
    async def test_override_set_through_another_node_is_seen_at_once(
        self, stage: Stage, key: str, namespace: str
    ) -> None:
        assert (await stage.post(GET, named(namespace), root_key=key)).status == 404
        await stage.post(SET, wanted(namespace), root_key=key, node=1)
        assert (await stage.post(GET, named(namespace), root_key=key)).status == 200


class TestAllowed:
    @pytest.mark.parametrize(
        "grant",
        [
            "ratelimit.{ns}.read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/{ns}/overrides/{id}#read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/{ns}/overrides/*#read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/{ns}/**#read_override",
            "unkey:v1:{ws}:ratelimits/**#read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/*/overrides/*#read_override",
            "unkey:v1:{ws}:**#*",
        ],
    )
    async def test_grant_that_covers_the_override_is_accepted(
        self, stage: Stage, workspace: str, namespace: str, grant: str
    ) -> None:
        override_id = await make_override(stage, workspace, namespace, "user_1")
        key = stage.root_key(workspace, grant.format(ws=workspace, ns=namespace, id=override_id))
        assert (await stage.post(GET, named(namespace), root_key=key)).status == 200


class TestDeniedIsHidden:
    @pytest.mark.parametrize(
        "grant",
        [
            "unkey:v1:{ws}:ratelimits/namespaces/rlns_sibling/overrides/{id}#read_override",
            "unkey:v1:{ws}:ratelimits/namespaces/{ns}/overrides/{id}#delete_override",
            "unkey:v1:ws_other:ratelimits/namespaces/{ns}/overrides/{id}#read_override",
            "ratelimit.rlns_sibling.read_override",
        ],
    )
    async def test_denial_looks_like_an_override_that_does_not_exist(
        self, stage: Stage, workspace: str, namespace: str, grant: str
    ) -> None:
        override_id = await make_override(stage, workspace, namespace, "user_1")
        key = stage.root_key(workspace, grant.format(ws=workspace, ns=namespace, id=override_id))
        existing = await stage.post(GET, named(namespace), root_key=key)
        missing = await stage.post(GET, named(namespace, "nobody"), root_key=key)
        assert (existing.status, urn_of(existing)) == (404, "ratelimit_override_not_found")
        assert existing.json["error"] == missing.json["error"]
        assert existing.json["error"]["detail"] == "This override does not exist."


class TestNotFound:
    async def test_unknown_foreign_and_deleted_namespaces_are_not_found(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        dead = await make_namespace(stage, workspace, deleted_at_m=1)
        foreign = await make_namespace(stage, stage.workspace())
        for which in ("nope", dead, foreign):
            answer = await stage.post(GET, named(which), root_key=key)
            assert (answer.status, urn_of(answer)) == (404, "ratelimit_namespace_not_found")


class TestInvalid:
    async def test_empty_identifier_is_refused(self, stage: Stage, key: str, namespace: str) -> None:
        assert (await stage.post(GET, named(namespace, ""), root_key=key)).status == 400

    @pytest.mark.parametrize("missing", ["namespace", "identifier"])
    async def test_every_field_is_required(self, stage: Stage, key: str, namespace: str, missing: str) -> None:
        sent = named(namespace)
        del sent[missing]
        assert (await stage.post(GET, sent, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage, namespace: str) -> None:
        assert (await stage.post(GET, named(namespace))).status == 400
        assert (await stage.post(GET, named(namespace), root_key="nobody")).status == 401
