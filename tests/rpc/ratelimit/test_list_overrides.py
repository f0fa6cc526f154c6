"""ratelimit.listOverrides."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rpc.ratelimit.making import (
    LIST,
    MANAGE,
    make_override,
    urn_of,
)
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration


class TestListed:
    async def test_pages_hold_each_override_once_in_order_of_id(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        made = {await make_override(stage, workspace, namespace, f"user_{n}") for n in range(5)}
        await make_override(stage, workspace, namespace, "deleted", deleted_at_m=1)
        pages, cursor = [], ""
        while True:
            answer = await stage.post(LIST, {"namespace": namespace, "limit": 2, "cursor": cursor}, root_key=key)
            pages.append(answer.json["data"])
            if not answer.json["pagination"]["hasMore"]:
                assert "cursor" not in answer.json["pagination"]
                break
            cursor = answer.json["pagination"]["cursor"]
        assert [len(page) for page in pages] == [2, 2, 1]
        assert {item["overrideId"] for page in pages for item in page} == made
        assert pages[1][0]["overrideId"] == await first_id_of(stage, namespace, offset=2)

    async def test_item_carries_every_field(self, stage: Stage, workspace: str, key: str, namespace: str) -> None:
        override_id = await make_override(stage, workspace, namespace, "user_*")
        answer = await stage.post(LIST, {"namespace": namespace}, root_key=key)
        expected = {"overrideId": override_id, "identifier": "user_*", "limit": 200, "duration": 120_000}
        assert answer.json["data"] == [expected]

    async def test_default_page_holds_fifty(self, stage: Stage, workspace: str, key: str, namespace: str) -> None:
        for n in range(51):
            await make_override(stage, workspace, namespace, f"user_{n}")
        answer = await stage.post(LIST, {"namespace": namespace}, root_key=key)
        assert (len(answer.json["data"]), answer.json["pagination"]["hasMore"]) == (50, True)

    async def test_nothing_to_list_is_an_empty_page(self, stage: Stage, key: str, namespace: str) -> None:
        answer = await stage.post(LIST, {"namespace": namespace}, root_key=key)
        assert (answer.json["data"], answer.json["pagination"]) == ([], {"hasMore": False})

    async def test_made_up_cursor_is_a_lower_bound(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        await make_override(stage, workspace, namespace, "user_1")
        answer = await stage.post(LIST, {"namespace": namespace, "cursor": "zzzz"}, root_key=key)
        assert (answer.status, answer.json["data"]) == (200, [])

    async def test_specific_permission_suffices(self, stage: Stage, workspace: str, namespace: str) -> None:
        key = stage.root_key(workspace, f"ratelimit.{namespace}.read_override")
        assert (await stage.post(LIST, {"namespace": namespace}, root_key=key)).status == 200

    async def test_page_takes_two_statements_whatever_its_size(
        self, stage: Stage, workspace: str, key: str, namespace: str
    ) -> None:
        for n in range(10):
            await make_override(stage, workspace, namespace, f"user_{n}")
        await stage.post(LIST, {"namespace": namespace}, root_key=key)
        with stage.statements.recording() as seen:
            await stage.post(LIST, {"namespace": namespace, "limit": 10}, root_key=key)
        assert names(seen) == ["ratelimit_namespace_find_by_key", "ratelimit_override_list"]


class TestDeniedAndNotFound:
    async def test_denial_is_not_hidden_but_another_workspace_is(
        self, stage: Stage, workspace: str, namespace: str
    ) -> None:
        denied = await stage.post(LIST, {"namespace": namespace}, root_key=stage.root_key(workspace))
        assert (denied.status, urn_of(denied)) == (403, "insufficient_permissions")
        stranger = stage.root_key(stage.workspace(), *MANAGE)
        hidden = await stage.post(LIST, {"namespace": namespace}, root_key=stranger)
        assert (hidden.status, urn_of(hidden)) == (404, "ratelimit_namespace_not_found")


class TestInvalid:
    @pytest.mark.parametrize("limit", [0, 101, -1])
    async def test_page_size_has_bounds(self, stage: Stage, key: str, namespace: str, limit: int) -> None:
        assert (await stage.post(LIST, {"namespace": namespace, "limit": limit}, root_key=key)).status == 400

    @pytest.mark.parametrize("body", [{}, {"namespace": ""}, {"namespace": "x" * 513}, {"namespace": "n", "cursor": 1}])
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, body: dict[str, Any]) -> None:
        assert (await stage.post(LIST, body, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_400_and_unknown_key_401(self, stage: Stage, namespace: str) -> None:
        assert (await stage.post(LIST, {"namespace": namespace})).status == 400
        assert (await stage.post(LIST, {"namespace": namespace}, root_key="nobody")).status == 401


async def first_id_of(stage: Stage, namespace: str, *, offset: int) -> str:
    found = await stage.sql(
        f"SELECT id FROM ratelimit_overrides WHERE namespace_id = '{namespace}' AND deleted_at_m IS NULL "
        f"ORDER BY id LIMIT 1 OFFSET {offset}"
    )
    return str(found[0][0])
