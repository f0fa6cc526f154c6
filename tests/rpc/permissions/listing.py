"""What lists of permissions and lists of roles have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest

from tests.rpc.permissions.making import path
from tests.support.stage import Stage


class Listing:
    """Lists of permissions and of roles behave alike."""

    method: ClassVar[str]
    column: ClassVar[str]
    """What a search looks at besides ids and descriptions."""
    make: ClassVar[Callable[..., Awaitable[str]]]

    async def test_pages_hold_each_row_once(self, stage: Stage, workspace: str, key: str) -> None:
        made = {await self.make(stage, workspace) for _ in range(7)}
        await self.make(stage, stage.workspace())
        body: dict[str, Any] = {"limit": 3}
        pages: list[list[str]] = []
        while True:
            answer = await stage.post(path(self.method), body, root_key=key)
            pages.append([item["id"] for item in answer.json["data"]])
            if not answer.json["pagination"]["hasMore"]:
                assert "cursor" not in answer.json["pagination"]
                break
            body["cursor"] = answer.json["pagination"]["cursor"]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert {id_ for page in pages for id_ in page} == made
        assert pages[1][0] == sorted_ids(pages)[3]

    async def test_default_page_holds_a_hundred(self, stage: Stage, workspace: str, key: str) -> None:
        for _ in range(101):
            await self.make(stage, workspace)
        answer = await stage.post(path(self.method), {}, root_key=key)
        assert (len(answer.json["data"]), answer.json["pagination"]["hasMore"]) == (100, True)

    async def test_empty_workspace_gives_an_empty_page(self, stage: Stage, key: str) -> None:
        answer = await stage.post(path(self.method), {}, root_key=key)
        assert (answer.status, answer.json["data"], answer.json["pagination"]) == (200, [], {"hasMore": False})

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("documents", {0}),
            ("DOCUMENTS", {0}),
            ("  documents  ", {0}),
            ("d_cuments", set()),
            ("about 100%", {1}),
            ("told", {1, 2}),
            ("   ", {0, 1, 2}),
            ("\\", set()),
        ],
    )
    async def test_search_is_a_literal_substring_in_any_case(
        self, stage: Stage, workspace: str, key: str, search: str, found: set[int]
    ) -> None:
        ids = [
            await self.make(stage, workspace, **{self.column: "documents.read", "name": "documents.read"}),
            await self.make(stage, workspace, description="told about 100% of it"),
            await self.make(stage, workspace, description="told about 1000 of them"),
        ]
        answer = await stage.post(path(self.method), {"search": search}, root_key=key)
        assert {item["id"] for item in answer.json["data"]} == {ids[n] for n in found}

    async def test_search_finds_ids(self, stage: Stage, workspace: str, key: str) -> None:
        ids = [await self.make(stage, workspace) for _ in range(2)]
        answer = await stage.post(path(self.method), {"search": ids[0].upper()}, root_key=key)
        assert [item["id"] for item in answer.json["data"]] == ids[:1]


def sorted_ids(pages: list[list[str]]) -> list[str]:
    """The ids in the order in which the database gave them."""
    return [id_ for page in pages for id_ in page]
