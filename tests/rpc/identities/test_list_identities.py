"""identities.listIdentities."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.rpc.identities.making import LIST, make_identity, make_limit
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration


class TestListed:
    async def test_pages_hold_each_live_identity_once(self, stage: Stage, workspace: str, key: str) -> None:
        made = {await make_identity(stage, workspace) for _ in range(15)}
        await make_identity(stage, workspace, deleted=1)
        await make_identity(stage, stage.workspace())
        pages: list[list[str]] = []
        body: dict[str, Any] = {"limit": 7}
        while True:
            answer = await stage.post(LIST, body, root_key=key)
            pages.append([item["id"] for item in answer.json["data"]])
            if not answer.json["pagination"]["hasMore"]:
                assert "cursor" not in answer.json["pagination"]
                break
            body = {"limit": 7, "cursor": answer.json["pagination"]["cursor"]}
        assert [len(page) for page in pages] == [7, 7, 1]
        assert {id_ for page in pages for id_ in page} == made

    async def test_items_are_complete(self, stage: Stage, workspace: str, key: str) -> None:
        identity_id = await make_identity(stage, workspace, external_id="ünïcode 🎉", meta='{"k":"é"}')
        limit_id = await make_limit(stage, workspace, identity_id, "per_day")
        answer = await stage.post(LIST, {}, root_key=key)
        assert answer.json["data"] == [
            {
                "id": identity_id,
                "externalId": "ünïcode 🎉",
                "meta": {"k": "é"},
                "ratelimits": [
                    {"id": limit_id, "name": "per_day", "limit": 100, "duration": 60_000, "autoApply": True}
                ],
            }
        ]
        assert answer.json["pagination"] == {"hasMore": False}

    async def test_all_environments_are_listed(self, stage: Stage, workspace: str, key: str) -> None:
        for environment in ("default", "staging", "production"):
            await make_identity(stage, workspace, environment=environment)
        assert len((await stage.post(LIST, {}, root_key=key)).json["data"]) == 3

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("alice", {"acme_alice"}),
            ("ACME_ALICE", {"acme_alice"}),
            ("Acme", {"acme_alice", "acme_bob"}),
            ("  acme_b ", {"acme_bob"}),
            ("100%", {"is_100%_sure"}),
            ("b_b", set()),
            ("!", {"wow!"}),
            ("\\", set()),
            ("nothing like it", set()),
            ("   ", {"acme_alice", "acme_bob", "bob", "is_100%_sure", "is_1000", "wow!"}),
        ],
    )
    async def test_search_is_a_literal_substring_in_any_case(
        self, stage: Stage, workspace: str, key: str, search: str, found: set[str]
    ) -> None:
        for external_id in ("acme_alice", "acme_bob", "bob", "is_100%_sure", "is_1000", "wow!"):
            # Ids are searched too: these have no letters to spell a word with.
            await make_identity(stage, workspace, id=f"id_{secrets.randbelow(10**15)}", external_id=external_id)
        answer = await stage.post(LIST, {"search": search}, root_key=key)
        assert {item["externalId"] for item in answer.json["data"]} == found

    async def test_search_finds_ids(self, stage: Stage, workspace: str, key: str) -> None:
        made = [await make_identity(stage, workspace) for _ in range(3)]
        answer = await stage.post(LIST, {"search": made[1].upper()}, root_key=key)
        assert [item["id"] for item in answer.json["data"]] == [made[1]]

    async def test_two_statements_whatever_the_page(self, stage: Stage, workspace: str, key: str) -> None:
        for _ in range(10):
            await make_limit(stage, workspace, await make_identity(stage, workspace), "per_day")
        await stage.post(LIST, {}, root_key=key)
        with stage.statements.recording() as seen:
            await stage.post(LIST, {}, root_key=key)
        assert names(seen) == ["identity_list", "identity_ratelimit_list"]


class TestDenied:
    async def test_one_row_that_may_not_be_read_denies_the_page(self, stage: Stage, workspace: str) -> None:
        mine = await make_identity(stage, workspace, external_id="mine")
        await make_identity(stage, workspace, external_id="other")
        key = stage.root_key(workspace, f"identity.{mine}.read_identity")
        denied = await stage.post(LIST, {}, root_key=key)
        assert denied.status == 403
        assert "Missing one of these permissions" in denied.json["error"]["detail"]
        narrowed = await stage.post(LIST, {"search": "mine"}, root_key=key)
        assert [item["id"] for item in narrowed.json["data"]] == [mine]

    async def test_empty_page_needs_no_permission(self, stage: Stage, workspace: str) -> None:
        answer = await stage.post(LIST, {}, root_key=stage.root_key(workspace))
        assert (answer.status, answer.json["data"]) == (200, [])


class TestInvalid:
    @pytest.mark.parametrize(
        "body", [{"limit": -10}, {"limit": 0}, {"limit": 200}, {"cursor": None}, {"search": "x" * 257}, {"extra": 1}]
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(LIST, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage) -> None:
        assert (await stage.post(LIST, {})).status == 400
        assert (await stage.post(LIST, {}, root_key="nobody")).status == 401
