"""Listing namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.rpc.ratelimit.making import make_namespace, urn_of
from tests.support.asgi import Answer
from tests.support.mysql import run_sql
from tests.support.operations import operation_of
from tests.support.stage import Stage, names
from unkey_api.areas.ratelimit.queries import ListedNamespaceRow
from unkey_api.infra.mysql import load_query
from unkey_api.infra.mysql.sql_text import sql_literal

pytestmark = pytest.mark.integration

OPERATION = operation_of(__file__)
READ = "ratelimit.*.read_namespace"
DAY = 86_400_000
T = 1_700_000_000_000


@pytest.fixture
def reader(stage: Stage, workspace: str) -> str:
    """A root key that may read all namespaces."""
    return stage.root_key(workspace, READ)


async def listed(stage: Stage, root_key: str, body: Mapping[str, Any] | None = None) -> Answer:
    return await stage.post(OPERATION.http_path, body or {}, root_key=root_key)


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json["data"]]


async def every_page(stage: Stage, root_key: str, **body: Any) -> list[list[str]]:
    """Return the ids of all pages, from the first to the last."""
    pages = []
    while True:
        answer = await listed(stage, root_key, body)
        pages.append(ids(answer))
        if not answer.json["pagination"]["hasMore"]:
            assert answer.json["pagination"] == {"hasMore": False}
            return pages
        body["cursor"] = answer.json["pagination"]["cursor"]


class TestListed:
    async def test_newest_come_first_and_deleted_ones_not_at_all(
        self, stage: Stage, workspace: str, reader: str
    ) -> None:
        old = await make_namespace(stage, workspace, created_at_m=T)
        new = await make_namespace(stage, workspace, created_at_m=T + 2)
        middle = await make_namespace(stage, workspace, created_at_m=T + 1)
        await make_namespace(stage, workspace, created_at_m=T + 3, deleted_at_m=T + 4)
        await make_namespace(stage, stage.workspace(), created_at_m=T)
        answer = await listed(stage, reader)
        assert ids(answer) == [new, middle, old]
        assert answer.json["pagination"] == {"hasMore": False}

    async def test_item_carries_every_field_on_both_surfaces(self, stage: Stage, workspace: str, reader: str) -> None:
        one = await make_namespace(stage, workspace, name="emails", created_at_m=T, updated_at_m=T + 5)
        two = await make_namespace(stage, workspace, name="never changed", created_at_m=T - 1)
        answer = await listed(stage, reader, {"limit": 2})
        assert answer.json["data"] == [
            {"id": one, "name": "emails", "createdAt": T, "updatedAt": T + 5},
            {"id": two, "name": "never changed", "createdAt": T - 1},
        ]
        same = await stage.post(OPERATION.rpc_path, {"limit": 2}, root_key=reader)
        assert same.json["namespaces"] == [
            {"id": one, "name": "emails", "createdAt": str(T), "updatedAt": str(T + 5)},
            {"id": two, "name": "never changed", "createdAt": str(T - 1)},
        ]

    async def test_namespace_that_was_counted_in_is_listed(self, stage: Stage, workspace: str, reader: str) -> None:
        counter = stage.root_key(workspace, "ratelimit.*.limit", "ratelimit.*.create_namespace")
        body = {"namespace": "fresh", "identifier": "u", "limit": 1, "duration": 60_000}
        assert (await stage.post("/v2/ratelimit.limit", body, root_key=counter)).status == 200
        [item] = (await listed(stage, reader)).json["data"]
        assert (item["name"], item["createdAt"]) == ("fresh", stage.clock.now_ms())

    async def test_nothing_to_list_is_an_empty_page(self, stage: Stage, reader: str) -> None:
        answer = await listed(stage, reader)
        assert (answer.json["data"], answer.json["pagination"]) == ([], {"hasMore": False})

    async def test_page_without_a_limit_holds_a_hundred(self, stage: Stage, workspace: str, reader: str) -> None:
        for n in range(101):
            await make_namespace(stage, workspace, created_at_m=T + n)
        assert [len(page) for page in await every_page(stage, reader)] == [100, 1]


class TestPaging:
    async def test_pages_hold_each_namespace_once_also_those_of_one_instant(
        self, stage: Stage, workspace: str, reader: str
    ) -> None:
        made = [await make_namespace(stage, workspace, created_at_m=T + n // 3) for n in range(7)]
        pages = await every_page(stage, reader, limit=2)
        assert [len(page) for page in pages] == [2, 2, 2, 1]
        in_order = [each for page in pages for each in page]
        assert sorted(in_order) == sorted(made)
        assert in_order == ids(await listed(stage, reader))
        assert [made.index(each) // 3 for each in in_order] == [2, 1, 1, 1, 0, 0, 0]

    async def test_what_comes_and_goes_between_pages_moves_nothing(
        self, stage: Stage, workspace: str, reader: str
    ) -> None:
        made = [await make_namespace(stage, workspace, created_at_m=T + n) for n in range(5)]
        first = await listed(stage, reader, {"limit": 2})
        assert (ids(first), first.json["pagination"]["cursor"]) == ([made[4], made[3]], made[2])
        await make_namespace(stage, workspace, created_at_m=T + 9)
        await stage.sql(f"UPDATE ratelimit_namespaces SET deleted_at_m = 1 WHERE id = '{made[2]}'")
        assert ids(await listed(stage, reader, {"limit": 2, "cursor": made[2]})) == [made[1], made[0]]

    async def test_cursor_of_a_last_namespace_that_was_deleted_ends_the_listing(
        self, stage: Stage, workspace: str, reader: str
    ) -> None:
        gone = await make_namespace(stage, workspace, created_at_m=T, deleted_at_m=T)
        assert ids(await listed(stage, reader, {"cursor": gone})) == []


class TestSearch:
    @pytest.mark.parametrize("search", ["MAIL", " mail ", "e-mails.out", "s.OUT"])
    async def test_part_of_the_name_in_whatever_letter_case(
        self, stage: Stage, workspace: str, reader: str, search: str
    ) -> None:
        found = await make_namespace(stage, workspace, name="E-Mails.Out")
        await make_namespace(stage, workspace, name="calls")
        assert ids(await listed(stage, reader, {"search": search})) == [found]

    async def test_part_of_the_id_in_whatever_letter_case(self, stage: Stage, workspace: str, reader: str) -> None:
        found = await make_namespace(stage, workspace, name="calls")
        await make_namespace(stage, workspace, name="mails")
        assert ids(await listed(stage, reader, {"search": found[2:].swapcase()})) == [found]

    @pytest.mark.parametrize("mark", ["%", "_", "!", "\\", "'"])
    async def test_every_character_means_itself(self, stage: Stage, workspace: str, reader: str, mark: str) -> None:
        found = await make_namespace(stage, workspace, name=f"a{mark}b")
        await make_namespace(stage, workspace, name="axb")
        assert ids(await listed(stage, reader, {"search": f"a{mark}b"})) == [found]

    async def test_blank_search_finds_all(self, stage: Stage, workspace: str, reader: str) -> None:
        found = await make_namespace(stage, workspace)
        assert ids(await listed(stage, reader, {"search": "  "})) == [found]

    async def test_pages_of_a_search(self, stage: Stage, workspace: str, reader: str) -> None:
        made = [
            await make_namespace(stage, workspace, name=f"{'mail' if n % 2 else 'call'}{n}", created_at_m=T + n)
            for n in range(6)
        ]
        assert await every_page(stage, reader, limit=2, search="mail") == [[made[5], made[3]], [made[1]]]


class TestReadableOnly:
    """Others neither show nor count."""

    @pytest.mark.parametrize(
        ("grant", "shown"),
        [
            ("ratelimit.{0}.read_namespace", [0]),
            ("unkey:v1:{ws}:projects/p_a/ratelimits/namespaces/{0}#read", [0]),
            ("unkey:v1:{ws}:projects/*/ratelimits/namespaces/{3}#read", [3]),
            ("unkey:v1:{ws}:projects/p_b/ratelimits/namespaces/*#read", [3, 1]),
            ("unkey:v1:{ws}:projects/p_b/**#read", [3, 1]),
            ("unkey:v1:{ws}:projects/*/ratelimits/namespaces/*#read", [3, 2, 1, 0]),
            ("unkey:v1:{ws}:**#read", [3, 2, 1, 0]),
            ("unkey:v1:{ws}:**#*", [3, 2, 1, 0]),
            ("unkey:v1:{ws}:projects/p_b/ratelimits/namespaces/{0}#read", []),
            ("ratelimit.absent.read_namespace", []),
        ],
    )
    async def test_each_form_of_grant(self, stage: Stage, workspace: str, grant: str, shown: list[int]) -> None:
        made = [
            await make_namespace(stage, workspace, project_id=f"p_{'ab'[n % 2]}", created_at_m=T + n) for n in range(4)
        ]
        some = stage.root_key(workspace, grant.format(*made, ws=workspace), "ratelimit.*.limit")
        assert await every_page(stage, some, limit=1) == ([[made[n]] for n in shown] or [[]])

    async def test_grants_add_up(self, stage: Stage, workspace: str) -> None:
        made = [await make_namespace(stage, workspace, project_id=f"p_{n}", created_at_m=T + n) for n in range(4)]
        some = stage.root_key(
            workspace,
            f"ratelimit.{made[0]}.read_namespace",
            f"unkey:v1:{workspace}:projects/p_1/ratelimits/namespaces/{made[1]}#read",
            f"unkey:v1:{workspace}:projects/p_3/ratelimits/namespaces/*#read",
        )
        assert ids(await listed(stage, some)) == [made[3], made[1], made[0]]


class TestCost:
    """Rows are counted by the server, for a workspace with ten thousand namespaces of which a third is deleted."""

    @pytest.fixture
    async def crowded(self, stage: Stage, workspace: str) -> str:
        digits = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5"
        digits += " UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)"
        number = "a.d * 1000 + b.d * 100 + c.d * 10 + e.d"
        await stage.sql(
            "INSERT INTO ratelimit_namespaces (id, workspace_id, project_id, name, created_at_m, deleted_at_m) "
            f"SELECT CONCAT('{workspace}_', {number}), '{workspace}', 'p', CONCAT('n', {number}), {number}, "
            f"IF({number} % 3 = 0, 1, NULL) FROM {digits} a, {digits} b, {digits} c, {digits} e"
        )
        await stage.sql("ANALYZE TABLE ratelimit_namespaces")
        return workspace

    async def rows_read(self, stage: Stage, workspace: str, **changes: Any) -> int:
        query = load_query("unkey_api.areas.ratelimit", "ratelimit_namespace_list", row=ListedNamespaceRow)
        params = {"workspace_id": workspace, "cursor": "", "pattern": None, "limit": 101, "all": True}
        nothing = {name: [""] for name in ("ids", "project_ids", "paired_ids", "pairs")}
        text = query.template.render(params | nothing | changes, sql_literal)
        status = await run_sql(stage.dsn, "FLUSH STATUS", text, "SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(str(value)) for _, value in status)

    @pytest.mark.parametrize("cursor", ["", "9000", "5000", "1"])
    async def test_page_reads_what_it_shows_wherever_it_begins(self, stage: Stage, crowded: str, cursor: str) -> None:
        place = f"{crowded}_{cursor}" if cursor else ""
        assert await self.rows_read(stage, crowded, cursor=place) < 400

    async def test_page_of_a_few_of_many_is_found_without_reading_all(self, stage: Stage, crowded: str) -> None:
        some = [f"{crowded}_{n}" for n in (1, 4, 7)]
        assert await self.rows_read(stage, crowded, all=False, ids=some, paired_ids=some) < 400

    async def test_page_takes_one_statement(self, stage: Stage, workspace: str, reader: str) -> None:
        await make_namespace(stage, workspace)
        await listed(stage, reader)
        with stage.statements.recording() as seen:
            await listed(stage, reader)
        assert names(seen) == ["ratelimit_namespace_list"]


class TestInvalid:
    @pytest.mark.parametrize(
        ("body", "location"),
        [
            ({"limit": 0}, "/properties/limit"),
            ({"limit": 101}, "/properties/limit"),
            ({"limit": "ten"}, "/properties/limit"),
            ({"cursor": ""}, "/properties/cursor"),
            ({"cursor": "x" * 1025}, "/properties/cursor"),
            ({"search": "x" * 257}, "/properties/search"),
            ({"namespace": "ns"}, ""),
            ({"limit": None}, "/properties/limit"),
        ],
    )
    async def test_body_that_breaks_a_rule(
        self, stage: Stage, reader: str, body: dict[str, Any], location: str
    ) -> None:
        answer = await listed(stage, reader, body)
        assert answer.status == 400
        assert answer.json["error"]["errors"][0]["location"].startswith(location)

    async def test_longest_texts_are_taken(self, stage: Stage, reader: str) -> None:
        assert ids(await listed(stage, reader, {"search": "x" * 256, "limit": 100})) == []

    async def test_cursor_that_names_nothing_or_something_foreign(
        self, stage: Stage, workspace: str, reader: str
    ) -> None:
        await make_namespace(stage, workspace)
        foreign = await make_namespace(stage, stage.workspace())
        answers = [await listed(stage, reader, {"cursor": cursor}) for cursor in ("absent", "x" * 1024, foreign)]
        assert {answer.status for answer in answers} == {400}
        [violation] = answers[0].json["error"]["errors"]
        assert (violation["location"], "leave it out" in violation["fix"]) == ("/properties/cursor", True)
        assert answers[2].json["error"] == answers[0].json["error"]


class TestUnauthenticated:
    async def test_unknown_key(self, stage: Stage) -> None:
        assert (await listed(stage, "nobody")).status == 401


class TestDenied:
    @pytest.mark.parametrize(
        "grant",
        [
            "ratelimit.*.limit",
            "ratelimit.*.list_namespaces",
            "ratelimit.read_namespace",
            "unkey:v1:{ws}:projects/*/ratelimits/namespaces/*#write",
            "unkey:v1:{ws}:projects/*/ratelimits/namespaces#read",
            "unkey:v1:{ws}:ratelimits/namespaces/*#read",
            "unkey:v1:ws_other:**#*",
        ],
    )
    async def test_without_any_read_grant(self, stage: Stage, workspace: str, grant: str) -> None:
        await make_namespace(stage, workspace)
        answer = await listed(stage, stage.root_key(workspace, grant.format(ws=workspace)))
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert READ in answer.json["error"]["detail"]

    async def test_nothing_is_read_for_whoever_may_read_nothing(self, stage: Stage, workspace: str) -> None:
        nobody = stage.root_key(workspace, "ratelimit.*.limit")
        await listed(stage, nobody)
        with stage.statements.recording() as seen:
            assert (await listed(stage, nobody, {"cursor": "absent"})).status == 403
        assert names(seen) == []
