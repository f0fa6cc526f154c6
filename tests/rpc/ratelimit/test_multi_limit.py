"""ratelimit.multiLimit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.ratelimit.making import ALL, body, make_namespace, make_override, urn_of
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
PATH = "/v2/ratelimit.multiLimit"


class TestCounted:
    async def test_unknown_namespaces_are_created_and_counted_in_order(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        sent = [body(name, limit=limit) for name, limit in (("c", 100), ("a", 200), ("b", 300))]
        answer = await stage.post(PATH, sent, root_key=key)
        assert answer.status == 200
        data = answer.json["data"]
        assert data["passed"] is True
        assert [(item["namespace"], item["remaining"]) for item in data["limits"]] == [
            ("c", 99),
            ("a", 199),
            ("b", 299),
        ]
        stored = await stage.sql(
            "SELECT n.name, n.id, p.slug FROM ratelimit_namespaces n JOIN projects p ON p.id = n.project_id "
            f"WHERE n.workspace_id = '{workspace}'"
        )
        assert {name: slug for name, _, slug in stored} == dict.fromkeys("abc", "default")
        entries = await stage.audits(workspace)
        assert {entry["targets"][0]["id"] for entry in entries} == {id_ for _, id_, _ in stored}
        assert len(entries) == 3
        assert len({entry["correlation_id"] for entry in entries}) == 1

    async def test_result_carries_every_field(self, stage: Stage, key: str) -> None:
        (item,) = (await stage.post(PATH, [body("n", cost=5)], root_key=key)).json["data"]["limits"]
        reset = (stage.clock.now_ms() // 60_000 + 1) * 60_000
        assert item == {
            "namespace": "n",
            "identifier": "user_1",
            "passed": True,
            "limit": 100,
            "remaining": 95,
            "reset": reset,
        }

    async def test_costs_count_each_against_its_own_limit(self, stage: Stage, key: str) -> None:
        sent = [body("a"), body("b", limit=50, cost=3), body("c", limit=200, cost=10)]
        data = (await stage.post(PATH, sent, root_key=key)).json["data"]
        assert [item["remaining"] for item in data["limits"]] == [99, 47, 190]

    async def test_one_limit_used_up_fails_the_call_and_consumes_nothing(self, stage: Stage, key: str) -> None:
        sent = [body("a", limit=100), body("b", limit=1), body("c", limit=300)]
        await stage.post(PATH, sent, root_key=key)
        data = (await stage.post(PATH, sent, root_key=key)).json["data"]
        assert data["passed"] is False
        assert [item["passed"] for item in data["limits"]] == [True, False, True]
        assert (data["limits"][1]["limit"], data["limits"][1]["remaining"]) == (1, 0)
        look = (await stage.post(PATH, [body("a", cost=0), body("c", limit=300, cost=0)], root_key=key)).json["data"]
        assert [item["remaining"] for item in look["limits"]] == [99, 299]

    async def test_overrides_apply_to_each_namespace_apart(self, stage: Stage, workspace: str, key: str) -> None:
        ids = [await make_namespace(stage, workspace) for _ in range(2)]
        overrides = [
            await make_override(stage, workspace, id_, "user_1", limit=n) for id_, n in zip(ids, (5, 3), strict=True)
        ]
        data = (await stage.post(PATH, [body(id_) for id_ in ids], root_key=key)).json["data"]
        assert [(item["remaining"], item["overrideId"]) for item in data["limits"]] == [
            (4, overrides[0]),
            (2, overrides[1]),
        ]

    async def test_override_of_zero_fails_the_call_with_an_answer(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        await make_override(stage, workspace, namespace_id, "user_1", limit=0)
        data = (await stage.post(PATH, [body("a"), body(namespace_id)], root_key=key)).json["data"]
        assert [item["passed"] for item in data["limits"]] == [True, False]

    async def test_same_counter_twice_counts_twice(self, stage: Stage, key: str) -> None:
        data = (await stage.post(PATH, [body("n", limit=1), body("n", limit=1)], root_key=key)).json["data"]
        assert data["passed"] is False

    async def test_specific_permission_for_every_namespace_suffices(self, stage: Stage, workspace: str) -> None:
        ids = [await make_namespace(stage, workspace) for _ in range(2)]
        key = stage.root_key(workspace, *(f"ratelimit.{id_}.limit" for id_ in ids))
        assert (await stage.post(PATH, [body(id_) for id_ in ids], root_key=key)).status == 200

    async def test_a_hundred_items_are_allowed(self, stage: Stage, key: str) -> None:
        data = (await stage.post(PATH, [body("n", identifier=f"u{n}") for n in range(100)], root_key=key)).json["data"]
        assert len(data["limits"]) == 100


class TestDenied:
    async def test_permission_for_one_of_two_is_not_enough(self, stage: Stage, workspace: str) -> None:
        ids = [await make_namespace(stage, workspace) for _ in range(2)]
        key = stage.root_key(workspace, f"ratelimit.{ids[0]}.limit")
        answer = await stage.post(PATH, [body(id_) for id_ in ids], root_key=key)
        each = " and ".join(f"ratelimit.{id_}.limit" for id_ in ids)
        expected = f"Missing one of these permissions: ratelimit.*.limit or {each}"
        assert (answer.status, answer.json["error"]["detail"]) == (403, expected)
        assert stage.counters.round_trips == 0


class TestNotFoundIsCreatedOrDenied:
    """The contract lists 404; namespaces that are not there are made, by whom may make them."""

    async def test_unknown_ids_become_names_of_new_namespaces(self, stage: Stage, workspace: str, key: str) -> None:
        asked = ["rlns_nobodyhasit", "rlns_neitherthis"]
        assert (await stage.post(PATH, [body(name) for name in asked], root_key=key)).status == 200
        stored = await stage.sql(f"SELECT id, name FROM ratelimit_namespaces WHERE workspace_id = '{workspace}'")
        assert {name for _, name in stored} == set(asked)
        assert not {id_ for id_, _ in stored} & set(asked)

    async def test_namespace_of_another_workspace_looks_unknown(self, stage: Stage, workspace: str) -> None:
        theirs = await make_namespace(stage, stage.workspace())
        answer = await stage.post(PATH, [body(theirs)], root_key=stage.root_key(workspace))
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")

    async def test_nothing_is_created_when_one_may_not_be(self, stage: Stage, workspace: str) -> None:
        key = stage.root_key(workspace, ALL[0])
        assert (await stage.post(PATH, [body("a"), body("b")], root_key=key)).status == 403
        assert await stage.sql(f"SELECT id FROM ratelimit_namespaces WHERE workspace_id = '{workspace}'") == []


class TestGone:
    async def test_deleted_namespace_is_gone_for_who_may_count(self, stage: Stage, workspace: str, key: str) -> None:
        dead = await make_namespace(stage, workspace, deleted_at_m=1)
        answer = await stage.post(PATH, [body("alive"), body(dead)], root_key=key)
        assert (answer.status, urn_of(answer)) == (410, "ratelimit_namespace_gone")
        look = await stage.post(PATH, [body("alive", cost=0)], root_key=key)
        assert look.json["data"]["limits"][0]["remaining"] == 100

    async def test_missing_permission_comes_before_gone(self, stage: Stage, workspace: str) -> None:
        dead = await make_namespace(stage, workspace, deleted_at_m=1)
        assert (await stage.post(PATH, [body(dead)], root_key=stage.root_key(workspace))).status == 403


class TestInvalid:
    @pytest.mark.parametrize(
        "sent",
        [[], {}, [body("n"), body("")], [body("n", cost=-1)], [body("n", extra=1)], [body("n")] * 101, [None], "n"],
        ids=["empty", "object", "empty-name", "negative-cost", "unknown-field", "101", "null", "text"],
    )
    async def test_body_that_breaks_the_schema_is_refused(self, stage: Stage, key: str, sent: Any) -> None:
        answer = await stage.post(PATH, sent, root_key=key)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")


class TestUnauthenticated:
    async def test_unknown_root_key_is_unauthorized(self, stage: Stage) -> None:
        assert (await stage.post(PATH, [body("n")], root_key="nobody")).status == 401


class TestAnalytics:
    async def test_items_become_rows_of_one_request(self, stage: Stage, key: str) -> None:
        answer = await stage.post(
            PATH, [body("a"), body("b", limit=1, cost=2)], root_key=key, headers={"x-unkey-metrics": "disabled"}
        )
        assert {row.request_id for row in stage.rows} == {answer.json["meta"]["requestId"]}
        assert [(row.passed, row.tokens) for row in stage.rows] == [(True, 1), (False, 2)]


class TestCreation:
    async def test_losing_the_race_for_some_names_does_not_fail(self, stage: Stage, workspace: str, key: str) -> None:
        """Both names are known to be absent here; meanwhile somebody else creates one of them."""
        reader = stage.root_key(workspace)
        assert (await stage.post(PATH, [body("mine"), body("theirs")], root_key=reader)).status == 403
        theirs = await make_namespace(stage, workspace, name="theirs")
        answer = await stage.post(PATH, [body("mine"), body("theirs")], root_key=key)
        assert answer.status == 200
        assert stage.rows[1].namespace_id == theirs
        (entry,) = await stage.audits(workspace)
        assert entry["targets"][0]["name"] == "mine"
        assert "correlation_id" not in entry

    async def test_nodes_that_create_overlapping_sets_all_succeed(self, stage: Stage, workspace: str, key: str) -> None:
        sets = [["a", "b", "c"], ["c", "b", "d"], ["d", "a"], ["b", "e", "a"]]
        requests = (stage.post(PATH, [body(n) for n in names_], root_key=key, node=i) for i, names_ in enumerate(sets))
        answers = await asyncio.gather(*requests)
        assert [answer.status for answer in answers] == [200] * 4
        stored = await stage.sql(f"SELECT id FROM ratelimit_namespaces WHERE workspace_id = '{workspace}'")
        entries = await stage.audits(workspace)
        assert sorted(entry["targets"][0]["id"] for entry in entries) == sorted(row[0] for row in stored)
        assert len(stored) == 5


class TestStatements:
    async def test_known_namespaces_are_read_with_one_statement(self, stage: Stage, workspace: str, key: str) -> None:
        ids = [await make_namespace(stage, workspace) for _ in range(5)]
        with stage.statements.recording() as seen:
            await stage.post(PATH, [body(id_) for id_ in ids], root_key=key)
        assert names(seen) == ["limits_find_by_workspace", "ratelimit_namespace_find_with_overrides"]
        with stage.statements.recording() as seen:
            await stage.post(PATH, [body(id_) for id_ in ids], root_key=key)
        assert seen == []
