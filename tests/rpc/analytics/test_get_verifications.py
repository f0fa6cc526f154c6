"""analytics.getVerifications."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

import pytest
from connectrpc.code import Code
from unkey_proto.unkey.analytics.v2.analytics_connect import AnalyticsServiceClient
from unkey_proto.unkey.analytics.v2.analytics_pb import GetVerificationsRequest

from tests.rpc.analytics.refusing import SENTENCES, problem
from tests.support.asking import Asking
from tests.support.harness import Caller, Harness, raises_code
from unkey_api.infra.mysql import Query

pytestmark = pytest.mark.integration

OPERATION = "getVerifications"
COUNT = "SELECT count() AS n FROM key_verifications_v1"


def event(caller: Caller, **fields: Any) -> dict[str, Any]:
    return {
        "request_id": f"req_{secrets.token_hex(4)}",
        "workspace_id": caller.workspace_id,
        "key_space_id": "ks_one",
        "key_id": "key_one",
        "external_id": "user",
        "outcome": "VALID",
        "tags": ["a", "b"],
        "spent_credits": 1,
        "latency": 1.5,
        **fields,
    }


@dataclass(frozen=True, slots=True)
class _Id:
    id: str


async def the_one(asking: Asking) -> Caller:
    """Return the caller of a workspace with one row, the same for all who ask."""
    if not _THE_ONE:
        caller = await asking.caller()
        await asking.add("key_verifications_raw_v2", event(caller))
        _THE_ONE.append(caller)
    return _THE_ONE[0]


_THE_ONE: list[Caller] = []


async def an_api(asking: Asking, caller: Caller) -> tuple[str, str]:
    """Return the ids of an API and its keyspace."""
    admin = await asking.api.caller("api.*.create_api", workspace_id=caller.workspace_id)
    api_id = (await asking.api.post("/v2/apis.createApi", {"name": "an api"}, admin)).json["data"]["apiId"]
    query = Query("test_keyspace_of_api", f"SELECT key_auth_id AS id FROM apis WHERE id = '{api_id}'", _Id)
    found = await asking.api.database.primary.fetch_one(query, {})
    assert found is not None
    return api_id, found.id


class TestAnswered:
    async def test_rows_come_by_column_name(self, asking: Asking) -> None:
        caller = await asking.caller()
        await asking.add("key_verifications_raw_v2", event(caller), event(caller, outcome="EXPIRED", spent_credits=0))

        found = await asking.rows(
            OPERATION,
            "SELECT outcome, count() AS n, sum(spent_credits) AS spent, any(tags) AS tags FROM key_verifications_v1 "
            "GROUP BY outcome ORDER BY outcome",
            caller,
        )

        assert found == [
            {"n": 1, "outcome": "EXPIRED", "spent": 0, "tags": ["a", "b"]},
            {"n": 1, "outcome": "VALID", "spent": 1, "tags": ["a", "b"]},
        ]

    async def test_nothing_found_is_an_empty_list(self, asking: Asking) -> None:
        assert await asking.rows(OPERATION, "SELECT key_id FROM key_verifications_v1", await asking.caller()) == []

    async def test_rollups_are_filled(self, asking: Asking) -> None:
        caller = await asking.caller()
        await asking.add("key_verifications_raw_v2", event(caller), event(caller))
        for step in ("minute", "hour", "day", "month"):
            found = await asking.rows(OPERATION, f"SELECT sum(count) AS n FROM key_verifications_per_{step}_v1", caller)
            assert found == [{"n": 2}], step

    async def test_the_rpc_surface_answers_the_same(self, asking: Asking) -> None:
        caller = await asking.caller()
        await asking.add("key_verifications_raw_v2", event(caller, spent_credits=2**60))
        client = asking.api.rpc(AnalyticsServiceClient, caller)

        answer = await client.get_verifications(
            GetVerificationsRequest(query="SELECT key_id, spent_credits, latency FROM key_verifications_v1")
        )

        assert [json.loads(row.to_json()) for row in answer.rows] == [
            {"key_id": "key_one", "latency": 1.5, "spent_credits": "1152921504606846976"}
        ]

    async def test_unknown_members_of_the_body_are_ignored(self, asking: Asking) -> None:
        caller = await asking.caller()
        answer = await asking.api.post("/v2/analytics.getVerifications", {"query": COUNT, "more": 1}, caller)
        assert answer.status == 200

    async def test_the_limit_of_the_workspace_holds(self, asking: Asking) -> None:
        caller = await asking.caller(rows=2)
        await asking.add("key_verifications_raw_v2", *(event(caller) for _ in range(5)))
        assert len(await asking.rows(OPERATION, "SELECT key_id FROM key_verifications_v1 LIMIT 5", caller)) == 2


class TestRows:
    async def test_another_workspace_is_never_seen(self, asking: Asking) -> None:
        caller, other = await asking.caller(), await asking.caller()
        await asking.add("key_verifications_raw_v2", event(caller), event(other), event(other))
        for query in (COUNT, f"{COUNT} WHERE 1 OR 1", f"{COUNT} WHERE workspace_id != 'x' OR NOT workspace_id = 'x'"):
            assert await asking.rows(OPERATION, query, caller) == [{"n": 1}]

    async def test_permission_for_an_api_shows_its_keyspace(self, asking: Asking) -> None:
        owner = await asking.caller()
        api_id, keyspace_id = await an_api(asking, owner)
        await asking.add("key_verifications_raw_v2", event(owner, key_space_id=keyspace_id), event(owner))
        scoped = await asking.api.caller(f"api.{api_id}.read_analytics", workspace_id=owner.workspace_id)
        groups = "SELECT key_space_id AS k, count() AS n FROM key_verifications_v1 GROUP BY k"

        assert await asking.rows(OPERATION, groups, scoped) == [{"k": keyspace_id, "n": 1}]
        assert await asking.rows(OPERATION, f"{COUNT} WHERE key_space_id = 'ks_one' OR 1 = 1", scoped) == [{"n": 1}]
        other = "SELECT key_id FROM key_verifications_v1 WHERE key_space_id = 'ks_one'"
        assert await asking.rows(OPERATION, other, scoped) == []

    async def test_a_urn_for_a_keyspace_shows_it(self, asking: Asking) -> None:
        owner = await asking.caller()
        await asking.add("key_verifications_raw_v2", event(owner), event(owner, key_space_id="ks_two"))
        urn = f"unkey:v1:{owner.workspace_id}:keyspaces/ks_two#read_analytics"
        scoped = await asking.api.caller(urn, workspace_id=owner.workspace_id)

        found = await asking.rows(OPERATION, "SELECT key_space_id FROM key_verifications_v1", scoped)
        assert found == [{"key_space_id": "ks_two"}]

    async def test_an_api_that_is_not_there_shows_nothing(self, asking: Asking) -> None:
        owner, stranger = await asking.caller(), await asking.caller()
        foreign, _ = await an_api(asking, stranger)
        await asking.add("key_verifications_raw_v2", event(owner))
        grants = ("api.api_none.read_analytics", f"api.{foreign}.read_analytics")
        scoped = await asking.api.caller(*grants, workspace_id=owner.workspace_id)

        assert await asking.rows(OPERATION, "SELECT key_id FROM key_verifications_v1", scoped) == []

    async def test_a_second_api_adds_its_rows(self, asking: Asking) -> None:
        owner = await asking.caller()
        first, second = await an_api(asking, owner), await an_api(asking, owner)
        await asking.add(
            "key_verifications_raw_v2",
            *(event(owner, key_space_id=keyspace) for keyspace in (first[1], second[1], "ks_three")),
        )
        grants = (f"api.{first[0]}.read_analytics", f"api.{second[0]}.read_analytics")
        scoped = await asking.api.caller(*grants, workspace_id=owner.workspace_id)

        assert await asking.rows(OPERATION, COUNT, scoped) == [{"n": 2}]


class TestValues:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("toInt64('9223372036854775807')", 2**63 - 1),
            ("toInt64('-5')", -5),
            ("1 = 1", 1),
            ("toFloat64(5)", 5),
            ("1 / 4", 0.25),
            ("0 / 0", None),
            ("1 / 0", None),
            ("if(1, -1 / 0, NULL)", None),
            ("[1 / 0, 2]", [None, 2]),
            ("CAST('12345678901234567890.1200', 'Decimal(38, 4)')", "12345678901234567890.12"),
            ("CAST('170141183460469231731687303715884105727' AS Int128)", 2**127 - 1),
            ("toDate('2026-01-02')", "2026-01-02T00:00:00Z"),
            ("toDateTime('2026-01-02 03:04:05', 'UTC')", "2026-01-02T03:04:05Z"),
            ("toDateTime('2026-07-02 03:04:05', 'Europe/Berlin')", "2026-07-02T03:04:05+02:00"),
            ("toDateTime64('2026-01-02 03:04:05.120', 3, 'UTC')", "2026-01-02T03:04:05.12Z"),
            ("toDateTime64('2026-01-02 03:04:05.000', 3, 'UTC')", "2026-01-02T03:04:05Z"),
            ("CAST(NULL AS Nullable(String))", None),
            ("CAST('x', 'LowCardinality(String)')", "x"),
            ("CAST('a', 'FixedString(3)')", "a\0\0"),
            ("CAST('61f0c404-5cb3-11e7-907b-a6006ad3dba0' AS UUID)", "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
            ("CAST('1.2.3.4' AS IPv4)", "1.2.3.4"),
            ("true", True),
            ("[[1, 2], []]", [[1, 2], []]),
            ("(1, 'a')", [1, "a"]),
            ("'<&>\\u2028 \\'\\\\ 😀'", "<&>\\u2028 '\\ 😀"),
        ],
    )
    async def test_each_type_has_its_form(self, asking: Asking, expression: str, expected: object) -> None:
        caller = await the_one(asking)
        found = await asking.rows(OPERATION, f"SELECT {expression} AS v FROM key_verifications_v1 LIMIT 1", caller)
        assert found == [{"v": expected}]
        assert type(found[0]["v"]) is type(expected)

    async def test_quantiles_of_nothing_are_null(self, asking: Asking) -> None:
        query = "SELECT quantile(0.9)(latency) AS q, avg(latency) AS a FROM key_verifications_v1"
        assert await asking.rows(OPERATION, query, await asking.caller()) == [{"a": None, "q": None}]

    async def test_states_of_aggregates_cannot_be_shown(self, asking: Asking) -> None:
        caller = await the_one(asking)
        answer = await asking.ask(OPERATION, "SELECT * FROM key_verifications_per_day_v1", caller)
        assert problem(answer)[:2] == (400, "invalid_analytics_query")


class TestUnauthenticated:
    async def test_no_key_and_an_unknown_one(self, asking: Asking) -> None:
        for headers, status in (({}, 400), ({"authorization": "Bearer nobody"}, 401)):
            sent = {"content-type": "application/json", **headers}
            answer = await asking.api.client.post("/v2/analytics.getVerifications", {"query": COUNT}, headers=sent)
            assert answer.status == status


class TestDenied:
    @pytest.mark.parametrize(
        "permission",
        ["api.*.read_api", "api.a.b.read_analytics", "ratelimit.*.read_analytics", "project.*.read_analytics"],
    )
    async def test_other_permissions_do_not_open_it(self, asking: Asking, permission: str) -> None:
        """Nor is it told whether the workspace is set up."""
        caller = await asking.api.caller(permission)
        expected = (403, "insufficient_permissions", "Missing permission: 'api.*.read_analytics'")
        assert problem(await asking.ask(OPERATION, COUNT, caller)) == expected


class TestInvalid:
    @pytest.mark.parametrize(("query", "kind", "sentence"), SENTENCES)
    async def test_each_refusal_is_told(self, asking: Asking, query: str, kind: str, sentence: str) -> None:
        caller = await the_one(asking)
        status, urn, detail = problem(
            await asking.ask(OPERATION, query.replace("{table}", "key_verifications_v1"), caller)
        )
        assert (status, urn) == (400, kind)
        assert sentence in detail

    async def test_the_body_needs_a_query(self, asking: Asking) -> None:
        for body in ({}, {"query": 1}, {"query": None}):
            answer = await asking.api.post("/v2/analytics.getVerifications", body, await the_one(asking))
            assert (answer.status, answer.json["error"]["errors"] != []) == (400, True)

    async def test_nothing_of_what_runs_is_told(self, asking: Asking) -> None:
        caller = await the_one(asking)
        for query in ("SELECT nothing FROM key_verifications_v1", "SELECT toInt64(key_id) FROM key_verifications_v1"):
            text = (await asking.ask(OPERATION, query, caller)).body
            for secret in (caller.workspace_id, "raw_v2", "default", "unkey_"):
                assert secret.encode() not in text

    async def test_the_rpc_surface_says_the_same(self, asking: Asking) -> None:
        client = asking.api.rpc(AnalyticsServiceClient, await the_one(asking))
        with raises_code(Code.INVALID_ARGUMENT, "err:user:bad_request:invalid_analytics_table"):
            await client.get_verifications(GetVerificationsRequest(query="SELECT 1 FROM nowhere"))


class TestPrecondition:
    async def test_a_workspace_without_settings_or_limits_cannot_ask(self, asking: Asking) -> None:
        caller = await asking.api.caller("api.*.read_analytics")
        sentence = "ClickHouse analytics is not configured for this workspace"
        expected = (412, "analytics_not_configured", sentence)
        assert problem(await asking.ask(OPERATION, "", caller)) == expected

    async def test_a_service_without_clickhouse_says_so(self, api: Harness) -> None:
        caller = await api.caller("api.*.read_analytics")
        answer = await api.post("/v2/analytics.getVerifications", {"query": ""}, caller)
        assert problem(answer) == (412, "analytics_not_configured", "Analytics are not configured for this instance")


class TestUnavailable:
    async def test_a_password_that_cannot_be_decrypted(self, asking: Asking) -> None:
        caller = await asking.caller(password="nonsense")
        assert problem(await asking.ask(OPERATION, COUNT, caller))[:2] == (503, "analytics_connection_failed")


class TestUnprocessable:
    async def test_more_than_an_answer_holds(self, asking: Asking) -> None:
        caller = await asking.caller(rows=1_000)
        await asking.add("key_verifications_raw_v2", *(event(caller, external_id="x" * 9_000) for _ in range(600)))
        answer = await asking.ask(OPERATION, "SELECT external_id FROM key_verifications_v1", caller)
        expected = (422, "query_memory_limit_exceeded", "Query result exceeds the maximum response size.")
        assert problem(answer) == expected
