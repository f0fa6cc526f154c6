"""ratelimit.limit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.rpc.ratelimit.making import ALL, body, make_namespace, make_override, urn_of
from tests.support.harness import Harness
from tests.support.stage import Stage, names
from tests.support.waiting import eventually, running

pytestmark = pytest.mark.integration
PATH = "/v2/ratelimit.limit"


class TestCounted:
    async def test_first_request_of_a_new_namespace_creates_it_and_counts(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        answer = await stage.post(PATH, body("brand new"), root_key=key)
        assert answer.status == 200
        assert answer.json["meta"]["requestId"].startswith("req_")
        reset = (stage.clock.now_ms() // 60_000 + 1) * 60_000
        assert answer.json["data"] == {"success": True, "limit": 100, "remaining": 99, "reset": reset}
        found = await stage.sql(
            "SELECT n.id, n.deleted_at_m, p.slug, p.name, p.delete_protection FROM ratelimit_namespaces n "
            f"JOIN projects p ON p.id = n.project_id WHERE n.workspace_id = '{workspace}' AND n.name = 'brand new'"
        )
        assert [row[1:] for row in found] == [(None, "default", "Default", 1)]
        (entry,) = await stage.audits(workspace)
        assert entry["event"] == "ratelimitNamespace.create"
        assert entry["description"] == "Created ratelimit namespace brand new"
        assert entry["targets"] == [{"type": "ratelimitNamespace", "id": found[0][0], "name": "brand new"}]
        assert "correlation_id" not in entry

    async def test_used_up_limit_is_a_denial_with_status_200(self, stage: Stage, key: str) -> None:
        await stage.post(PATH, body("n", limit=1), root_key=key)
        answer = await stage.post(PATH, body("n", limit=1), root_key=key)
        assert answer.status == 200
        assert {**answer.json["data"], "reset": 0} == {"success": False, "limit": 1, "remaining": 0, "reset": 0}

    async def test_cost_is_what_is_consumed(self, stage: Stage, key: str) -> None:
        answer = await stage.post(PATH, body("n", cost=5), root_key=key)
        assert answer.json["data"]["remaining"] == 95

    async def test_cost_zero_looks_without_consuming(self, stage: Stage, key: str) -> None:
        for _ in range(3):
            answer = await stage.post(PATH, body("n", cost=0), root_key=key)
        assert answer.json["data"]["remaining"] == 100

    async def test_namespace_is_found_by_its_id(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace, name="by name")
        await stage.post(PATH, body("by name"), root_key=key)
        answer = await stage.post(PATH, body(namespace_id), root_key=key)
        assert answer.json["data"]["remaining"] == 98

    async def test_specific_permission_suffices(self, stage: Stage, workspace: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        key = stage.root_key(workspace, f"ratelimit.{namespace_id}.limit")
        assert (await stage.post(PATH, body(namespace_id), root_key=key)).status == 200

    @pytest.mark.parametrize(
        "name",
        ["a.b-c_d!@#$", "日本語 🎉", "tab\there", "line\nfeed", "back\bspace", "a:b/c", "  spaces  ", "x", "y" * 255],
    )
    async def test_names_may_hold_any_characters(self, stage: Stage, workspace: str, key: str, name: str) -> None:
        assert (await stage.post(PATH, body(name), root_key=key)).status == 200
        answer = await stage.post(PATH, body(name), root_key=key)
        assert answer.json["data"]["remaining"] == 98
        stored = await stage.sql(f"SELECT name FROM ratelimit_namespaces WHERE workspace_id = '{workspace}'")
        assert stored == [(name,)]

    async def test_workspaces_count_apart(self, stage: Stage, key: str) -> None:
        other = stage.root_key(stage.workspace(), *ALL)
        await stage.post(PATH, body("n"), root_key=key)
        answer = await stage.post(PATH, body("n"), root_key=other)
        assert answer.json["data"]["remaining"] == 99


class TestOverrides:
    @pytest.mark.parametrize("pattern", ["user_1", "u*_1", "*"])
    async def test_override_replaces_limit_and_duration(
        self, stage: Stage, workspace: str, key: str, pattern: str
    ) -> None:
        namespace_id = await make_namespace(stage, workspace)
        override_id = await make_override(stage, workspace, namespace_id, pattern)
        data = (await stage.post(PATH, body(namespace_id), root_key=key)).json["data"]
        reset = (stage.clock.now_ms() // 120_000 + 1) * 120_000
        assert data == {"success": True, "limit": 200, "remaining": 199, "reset": reset, "overrideId": override_id}

    async def test_used_up_override_still_names_itself(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        override_id = await make_override(stage, workspace, namespace_id, "user_1", limit=3)
        seen = [(await stage.post(PATH, body(namespace_id), root_key=key)).json["data"] for _ in range(4)]
        assert [item["remaining"] for item in seen] == [2, 1, 0, 0]
        assert [item["success"] for item in seen] == [True, True, True, False]
        assert {item["overrideId"] for item in seen} == {override_id}

    async def test_exact_identifier_beats_every_pattern(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        await make_override(stage, workspace, namespace_id, "*", limit=5)
        exact = await make_override(stage, workspace, namespace_id, "user_1", limit=7)
        data = (await stage.post(PATH, body(namespace_id), root_key=key)).json["data"]
        assert (data["limit"], data["overrideId"]) == (7, exact)

    async def test_patterns_are_tried_in_ascending_order(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        await make_override(stage, workspace, namespace_id, "user_*", limit=5)
        first = await make_override(stage, workspace, namespace_id, "*", limit=7)
        data = (await stage.post(PATH, body(namespace_id), root_key=key)).json["data"]
        assert data["overrideId"] == first

    async def test_override_of_zero_denies_everything(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        await make_override(stage, workspace, namespace_id, "user_1", limit=0)
        for cost in (0, 1):
            data = (await stage.post(PATH, body(namespace_id, cost=cost), root_key=key)).json["data"]
            assert (data["success"], data["limit"], data["remaining"]) == (False, 0, 0)

    async def test_deleted_override_does_not_apply(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        await make_override(stage, workspace, namespace_id, "user_1", deleted_at_m=1)
        data = (await stage.post(PATH, body(namespace_id), root_key=key)).json["data"]
        assert (data["limit"], "overrideId" in data) == (100, False)

    async def test_pattern_beyond_ascii_matches_its_own_text(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        override_id = await make_override(stage, workspace, namespace_id, "ü*")
        data = (await stage.post(PATH, body(namespace_id, identifier="über"), root_key=key)).json["data"]
        assert data["overrideId"] == override_id


class TestNotFoundIsCreatedOrDenied:
    """The contract lists 404; a namespace that is not there is made, by whom may make one."""

    async def test_unknown_id_becomes_the_name_of_a_new_namespace(self, stage: Stage, workspace: str, key: str) -> None:
        await stage.post(PATH, body("rlns_nobodyhasit"), root_key=key)
        stored = await stage.sql(f"SELECT id, name FROM ratelimit_namespaces WHERE workspace_id = '{workspace}'")
        assert [name for _, name in stored] == ["rlns_nobodyhasit"]
        assert stored[0][0] != "rlns_nobodyhasit"

    async def test_unknown_namespace_needs_the_permission_to_create(self, stage: Stage, workspace: str) -> None:
        key = stage.root_key(workspace, "ratelimit.*.limit")
        answer = await stage.post(PATH, body("nope"), root_key=key)
        assert (answer.status, urn_of(answer)) == (403, "insufficient_permissions")
        assert answer.json["error"]["detail"] == "Missing permission: 'ratelimit.*.create_namespace'"
        assert await stage.sql(f"SELECT id FROM ratelimit_namespaces WHERE workspace_id = '{workspace}'") == []

    async def test_namespace_of_another_workspace_looks_unknown(self, stage: Stage, workspace: str) -> None:
        theirs = await make_namespace(stage, stage.workspace(), name="theirs")
        key = stage.root_key(workspace)
        for name in ("theirs", theirs):
            answer = await stage.post(PATH, body(name), root_key=key)
            assert answer.status == 403
            assert "create_namespace" in answer.json["error"]["detail"]


class TestDenied:
    async def test_missing_permission_to_count_names_both_forms(self, stage: Stage, workspace: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        key = stage.root_key(
            workspace, "ratelimit.rlns_other.limit", "*", "ratelimit.*.*", f"unkey:v1:{workspace}:ratelimits/**#read"
        )
        answer = await stage.post(PATH, body(namespace_id), root_key=key)
        expected = f"Missing one of these permissions: ratelimit.{namespace_id}.limit or ratelimit.*.limit"
        assert (answer.status, answer.json["error"]["detail"]) == (403, expected)

    async def test_creating_without_the_permission_to_count_creates_and_denies(
        self, stage: Stage, workspace: str
    ) -> None:
        key = stage.root_key(workspace, "ratelimit.*.create_namespace")
        assert (await stage.post(PATH, body("n"), root_key=key)).status == 403
        assert len(await stage.sql(f"SELECT id FROM ratelimit_namespaces WHERE workspace_id = '{workspace}'")) == 1


class TestGone:
    @pytest.mark.parametrize("permissions", [ALL, ()])
    async def test_deleted_namespace_is_gone_for_everybody(
        self, stage: Stage, workspace: str, permissions: tuple[str, ...]
    ) -> None:
        namespace_id = await make_namespace(stage, workspace, deleted_at_m=1)
        answer = await stage.post(PATH, body(namespace_id), root_key=stage.root_key(workspace, *permissions))
        assert (answer.status, urn_of(answer)) == (410, "ratelimit_namespace_gone")
        assert "deleted" in answer.json["error"]["detail"]

    async def test_losing_the_race_to_a_deleted_namespace_is_gone(self, stage: Stage, workspace: str, key: str) -> None:
        """A cached absence sends the request to creation, which finds the name taken by a deleted row."""
        reader = stage.root_key(workspace)
        assert (await stage.post(PATH, body("n"), root_key=reader)).status == 403
        await make_namespace(stage, workspace, name="n", deleted_at_m=1)
        assert (await stage.post(PATH, body("n"), root_key=key)).status == 410


class TestInvalid:
    @pytest.mark.parametrize(
        "changes",
        [
            {"namespace": ""},
            {"namespace": None},
            {"namespace": "x" * 513},
            {"identifier": ""},
            {"limit": 0},
            {"limit": "10"},
            {"limit": 2**63},
            {"duration": 999},
            {"duration": 2_592_000_001},
            {"cost": -1},
            {"cost": None},
            {"unknown": 1},
        ],
    )
    async def test_body_that_breaks_the_schema_is_refused(
        self, stage: Stage, key: str, changes: dict[str, Any]
    ) -> None:
        answer = await stage.post(PATH, body("n") | changes, root_key=key)
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")
        assert answer.json["error"]["title"] == "Bad Request"

    @pytest.mark.parametrize("missing", ["namespace", "identifier", "limit", "duration"])
    async def test_required_field_must_be_there(self, stage: Stage, key: str, missing: str) -> None:
        sent = body("n")
        del sent[missing]
        assert (await stage.post(PATH, sent, root_key=key)).status == 400


class TestUnauthenticated:
    async def test_missing_header_is_invalid_input(self, stage: Stage) -> None:
        answer = await stage.post(PATH, body("n"))
        assert (answer.status, urn_of(answer)) == (400, "invalid_input")

    async def test_unknown_root_key_is_unauthorized(self, stage: Stage) -> None:
        assert (await stage.post(PATH, body("n"), root_key="nobody")).status == 401


class TestAnalytics:
    async def test_each_decision_becomes_a_row(self, stage: Stage, workspace: str, key: str) -> None:
        namespace_id = await make_namespace(stage, workspace)
        override_id = await make_override(stage, workspace, namespace_id, "user_1", limit=4)
        passed = await stage.post(PATH, body(namespace_id, cost=3), root_key=key)
        await stage.post(PATH, body(namespace_id, cost=3), root_key=key)
        first, second = stage.rows
        assert first._replace(latency=0.0)._asdict() == {
            "request_id": passed.json["meta"]["requestId"],
            "time": stage.clock.now_ms(),
            "workspace_id": workspace,
            "namespace_id": namespace_id,
            "identifier": "user_1",
            "passed": True,
            "latency": 0.0,
            "override_id": override_id,
            "limit": 4,
            "remaining": 1,
            "reset_at": passed.json["data"]["reset"],
            "tokens": 3,
        }
        assert (second.passed, second.remaining, second.tokens) == (False, 0, 3)

    async def test_refused_requests_leave_no_row(self, stage: Stage, workspace: str) -> None:
        await stage.post(PATH, body("n"), root_key=stage.root_key(workspace))
        assert stage.rows == []

    @pytest.mark.parametrize(("value", "rows"), [("disabled", 0), ("Disabled", 1), ("enabled", 1)])
    async def test_header_keeps_the_request_out_of_analytics(
        self, stage: Stage, key: str, value: str, rows: int
    ) -> None:
        answer = await stage.post(PATH, body("n"), root_key=key, headers={"x-unkey-metrics": value})
        assert answer.status == 200
        assert len(stage.rows) == rows


class TestWarm:
    async def test_warm_request_asks_neither_database_nor_counter_store(self, stage: Stage, key: str) -> None:
        await stage.post(PATH, body("n"), root_key=key)
        await stage.post(PATH, body("n"), root_key=key)
        before = stage.counters.round_trips
        with stage.statements.recording() as seen:
            answer = await stage.post(PATH, body("n"), root_key=key)
        assert answer.json["data"]["remaining"] == 97
        assert (seen, stage.counters.round_trips) == ([], before)

    async def test_cold_request_reads_the_namespace_with_one_statement(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        namespace_id = await make_namespace(stage, workspace)
        await make_override(stage, workspace, namespace_id, "*")
        with stage.statements.recording() as seen:
            await stage.post(PATH, body(namespace_id), root_key=key)
        assert names(seen) == ["limits_find_by_workspace", "ratelimit_namespace_find_with_overrides"]

    async def test_counter_store_that_is_away_does_not_fail_requests(self, stage: Stage, key: str) -> None:
        stage.counters.down = True
        answer = await stage.post(PATH, body("n"), root_key=key)
        assert answer.json["data"]["remaining"] == 99

    async def test_stale_namespace_answers_at_once_and_refreshes_behind(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        namespace_id = await make_namespace(stage, workspace)
        await stage.post(PATH, body(namespace_id), root_key=key)
        override_id = await make_override(stage, workspace, namespace_id, "user_1")
        stage.clock.advance(60_000)
        stale = await stage.post(PATH, body(namespace_id), root_key=key)
        assert "overrideId" not in stale.json["data"]
        await stage.node.refreshes.idle()
        fresh = await stage.post(PATH, body(namespace_id), root_key=key)
        assert fresh.json["data"]["overrideId"] == override_id


class TestUnavailable:
    async def test_known_namespaces_go_on_counting_and_unknown_ones_are_never_taken_for_missing(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        other = await make_namespace(stage, workspace)
        await stage.post(PATH, body("n"), root_key=key)
        await stage.sql("RENAME TABLE ratelimit_namespaces TO namespaces_away")
        try:
            stage.clock.advance(3_600_000)
            known = await stage.post(PATH, body("n"), root_key=key)
            unknown = await stage.post(PATH, body(other), root_key=key)
            await stage.node.refreshes.idle()
        finally:
            await stage.sql("RENAME TABLE namespaces_away TO ratelimit_namespaces")
        assert (known.status, unknown.status) == (200, 500)
        assert urn_of(unknown) == "service_unavailable"
        assert (await stage.post(PATH, body(other), root_key=key)).status == 200
        assert stage.rows[-1].namespace_id == other


class TestCreation:
    async def test_concurrent_first_requests_share_one_creation(self, stage: Stage, workspace: str, key: str) -> None:
        with stage.statements.recording() as seen:
            answers = await asyncio.gather(*(stage.post(PATH, body("n"), root_key=key) for _ in range(10)))
        assert sorted(answer.json["data"]["remaining"] for answer in answers) == list(range(90, 100))
        assert names(seen).count("ratelimit_namespace_insert_missing") == 1
        assert len(await stage.audits(workspace)) == 1

    async def test_concurrent_nodes_create_one_namespace(self, stage: Stage, workspace: str, key: str) -> None:
        requests = (stage.post(PATH, body("n"), root_key=key, node=number) for number in range(4))
        answers = await asyncio.gather(*requests)
        assert {answer.status for answer in answers} == {200}
        assert len(await stage.audits(workspace)) == 1
        stored = await stage.sql(f"SELECT id FROM ratelimit_namespaces WHERE workspace_id = '{workspace}'")
        assert len(stored) == 1
        assert {node.rows.taken[0].namespace_id for node in stage.nodes} == {stored[0][0]}

    async def test_cached_absence_does_not_stop_who_may_create(self, stage: Stage, workspace: str, key: str) -> None:
        assert (await stage.post(PATH, body("n"), root_key=stage.root_key(workspace))).status == 403
        namespace_id = await make_namespace(stage, workspace, name="n")
        assert (await stage.post(PATH, body("n"), root_key=key)).status == 200
        assert stage.rows[0].namespace_id == namespace_id
        assert await stage.audits(workspace) == []

    async def test_new_namespace_is_known_by_its_id_at_once(self, stage: Stage, key: str) -> None:
        await stage.post(PATH, body("n"), root_key=key)
        with stage.statements.recording() as seen:
            answer = await stage.post(PATH, body(stage.rows[0].namespace_id), root_key=key)
        assert answer.json["data"]["remaining"] == 98
        assert seen == []

    async def test_default_project_of_another_letter_case_is_used(self, stage: Stage, workspace: str, key: str) -> None:
        project = stage.token("proj")
        await stage.insert("projects", id=project, workspace_id=workspace, name="D", slug="Default", created_at=1)
        assert (await stage.post(PATH, body("n"), root_key=key)).status == 200
        stored = await stage.sql(f"SELECT project_id FROM ratelimit_namespaces WHERE workspace_id = '{workspace}'")
        assert stored == [(project,)]

    async def test_client_that_leaves_does_not_stop_the_creation(self, stage: Stage, workspace: str, key: str) -> None:
        request = asyncio.ensure_future(stage.post(PATH, body("n"), root_key=key))
        with stage.statements.recording() as seen:
            await eventually(lambda: "project_find_by_slug" in names(seen))
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)
            await eventually(lambda: any(item.operation == "commit" for item in seen))
        await eventually(lambda: not running("ratelimit.create_namespace:"))  # until then its absence is remembered
        assert (await stage.post(PATH, body("n"), root_key=stage.root_key(workspace, ALL[0]))).status == 200


class TestTestTime:
    async def test_time_of_a_test_decides_the_window(self, stage: Stage, key: str) -> None:
        answer = await stage.post(PATH, body("n"), root_key=key, headers={"x-test-time": "1700000000000"})
        assert answer.json["data"]["reset"] == 1_700_000_040_000

    async def test_unreadable_time_is_ignored(self, stage: Stage, key: str) -> None:
        answer = await stage.post(PATH, body("n"), root_key=key, headers={"x-test-time": "soon"})
        assert answer.json["data"]["reset"] > stage.clock.now_ms()


async def test_longest_name_of_a_namespace_can_be_counted_and_overridden(api: Harness) -> None:
    """It travels whole in the log of changes, as it is what the namespace is found by."""
    admin = await api.admin()
    named = {"namespace": "n" * 512, "identifier": "u" * 255}
    limited = await api.post("/v2/ratelimit.limit", {**named, "limit": 5, "duration": 60_000}, admin)
    assert (limited.status, limited.json["data"]["remaining"]) == (200, 4)
    override = await api.post("/v2/ratelimit.setOverride", {**named, "limit": 0, "duration": 60_000}, admin)
    assert override.status == 200, override.body
    limited = await api.post("/v2/ratelimit.limit", {**named, "limit": 5, "duration": 60_000}, admin)
    assert limited.json["data"]["success"] is False
