"""analytics.getRuntimeLogs."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.rpc.analytics.refusing import SENTENCES, problem
from tests.support.asking import Asking
from tests.support.harness import Caller
from unkey_api.areas.analytics.tables import RUNTIME_LOGS

pytestmark = pytest.mark.integration

OPERATION = "getRuntimeLogs"
TABLE = "runtime_logs_v1"
COUNT = f"SELECT count() AS n FROM {TABLE}"
DENIED = (403, "insufficient_permissions", "Missing permission: 'project.*.read_runtime_logs'")
RAW = "runtime_logs_raw_v1"
LONG = {"message": "x" * 9_000}
HIDDEN = ["platform", "k8s_pod_name", "attributes", "attributes.k", "expires_at"]
OPEN = "message"


def event(caller: Caller, **fields: Any) -> dict[str, Any]:
    return {
        "log_id": f"log_{secrets.token_hex(4)}",
        "workspace_id": caller.workspace_id,
        "project_id": "proj_one",
        "severity": "INFO",
        "message": "Started",
        "attributes": {"k": "v", "workspace_id": "ws_attacker"},
        **fields,
    }


class TestAnswered:
    async def test_text_search_and_attributes_work(self, asking: Asking) -> None:
        caller = await asking.caller()
        await asking.add(RAW, event(caller), event(caller, message="FAILED: disk", severity="ERROR"))
        asked = f"SELECT message FROM {TABLE} WHERE "
        for condition in (
            "lower(message) LIKE '%disk%'",
            "lower(message) NOT LIKE 'start%'",
            "startsWith(lower(message), 'failed')",
            "severity = 'ERROR' AND inserted_at > 0",
        ):
            assert await asking.rows(OPERATION, asked + condition, caller) == [{"message": "FAILED: disk"}], condition
        by_attribute = f"SELECT JSONExtractString(attributes_text, 'k') AS k, count() AS n FROM {TABLE} GROUP BY k"
        assert await asking.rows(OPERATION, by_attribute, caller) == [{"k": "v", "n": 2}]
        raw = await asking.ask(OPERATION, f"SELECT JSONExtractRaw(attributes_text, 'k') FROM {TABLE}", caller)
        assert problem(raw)[:2] == (400, "invalid_analytics_function")

    async def test_all_documented_columns_can_be_read(self, asking: Asking) -> None:
        caller = await asking.caller()
        await asking.add(RAW, event(caller))
        names = ", ".join(RUNTIME_LOGS[TABLE].columns)
        assert len((await asking.rows(OPERATION, f"SELECT {names} FROM {TABLE}", caller))[0]) == 12

    async def test_another_workspace_is_never_seen(self, asking: Asking) -> None:
        """Not even where a table is called like a column whose parts a caller can choose."""
        caller, other = await asking.caller(), await asking.caller()
        attributes = {"workspace_id": caller.workspace_id}
        await asking.add(RAW, event(caller), event(other, attributes=attributes))
        for source in (TABLE, f"{TABLE} AS attributes", f"{TABLE} AS workspace_id"):
            assert await asking.rows(OPERATION, f"SELECT count() AS n FROM {source} WHERE 1 OR 1", caller) == [{"n": 1}]


class TestColumns:
    async def test_everything_cannot_be_asked_for(self, asking: Asking) -> None:
        caller = await asking.caller()
        for query in (
            f"SELECT * FROM {TABLE}",
            f"SELECT x.* FROM {TABLE} AS x",
            f"WITH c AS (SELECT * FROM {TABLE}) SELECT * FROM c",
        ):
            status, urn, detail = problem(await asking.ask(OPERATION, query, caller))
            assert (status, urn) == (400, "invalid_analytics_query")
            assert "Select only the documented columns instead of *" in detail

    @pytest.mark.parametrize("column", HIDDEN)
    async def test_others_are_out_of_reach(self, asking: Asking, column: str) -> None:
        caller = await asking.caller()
        for query in (
            f"SELECT {column} FROM {TABLE}",
            f"SELECT 1 FROM {TABLE} WHERE {column} != ''",
            f"SELECT any({column}) FROM {TABLE}",
            f"SELECT 1 FROM {TABLE} ORDER BY {column}",
            f"SELECT count() FROM {TABLE} GROUP BY {column}",
            f"SELECT count() FROM {TABLE} HAVING any({column}) = ''",
            f"SELECT a FROM (SELECT {column} AS a FROM {TABLE})",
            f"WITH c AS (SELECT {column} AS a FROM {TABLE}) SELECT a FROM c",
            f"SELECT {OPEN} FROM {TABLE} UNION ALL SELECT {column} FROM {TABLE}",
            f"SELECT x.{OPEN} FROM {TABLE} x JOIN {TABLE} y USING ({column})",
        ):
            answer = await asking.ask(OPERATION, query, caller)
            assert problem(answer)[:2] == (400, "invalid_analytics_query"), query
            for secret in (caller.workspace_id, "raw_v1", "default", "LIMIT"):
                assert secret.encode() not in answer.body, query


class TestUnauthenticated:
    async def test_no_key_and_an_unknown_one(self, asking: Asking) -> None:
        for headers, status in (({}, 400), ({"authorization": "Bearer nobody"}, 401)):
            sent = {"content-type": "application/json", **headers}
            answer = await asking.api.client.post(f"/v2/analytics.{OPERATION}", {"query": COUNT}, headers=sent)
            assert answer.status == status


class TestDenied:
    @pytest.mark.parametrize(
        "permission",
        [
            "project.*.read_gateway_requests",
            "project.*.read_analytics",
            "project.*.read_deployment",
            "api.*.read_analytics",
            "ratelimit.*.read_analytics",
        ],
    )
    async def test_other_permissions_do_not_open_it(self, asking: Asking, permission: str) -> None:
        """Nor is it told whether the workspace is set up."""
        assert problem(await asking.ask(OPERATION, COUNT, await asking.api.caller(permission))) == DENIED


class TestInvalid:
    async def test_each_refusal_is_told(self, asking: Asking) -> None:
        caller = await asking.caller()
        for query, kind, sentence in SENTENCES:
            status, urn, detail = problem(await asking.ask(OPERATION, query.replace("{table}", TABLE), caller))
            assert (status, urn) == (400, kind), query
            assert sentence in detail, query

    @pytest.mark.parametrize("table", ["runtime_logs_raw_v1", "runtime_logs", "gateway_requests_v1"])
    async def test_other_tables_are_unknown(self, asking: Asking, table: str) -> None:
        answer = await asking.ask(OPERATION, f"SELECT 1 FROM {table}", await asking.caller())
        assert problem(answer)[:2] == (400, "invalid_analytics_table")


class TestPrecondition:
    async def test_a_workspace_without_settings_cannot_ask(self, asking: Asking) -> None:
        caller = await asking.api.caller("project.*.read_runtime_logs")
        assert problem(await asking.ask(OPERATION, COUNT, caller))[:2] == (412, "analytics_not_configured")


class TestUnavailable:
    async def test_a_password_that_cannot_be_decrypted(self, asking: Asking) -> None:
        caller = await asking.caller(password="nonsense")
        assert problem(await asking.ask(OPERATION, COUNT, caller))[:2] == (503, "analytics_connection_failed")


class TestUnprocessable:
    async def test_more_than_an_answer_holds(self, asking: Asking) -> None:
        caller = await asking.caller()
        await asking.add(RAW, *(event(caller, **LONG) for _ in range(600)))
        answer = await asking.ask(OPERATION, f"SELECT {next(iter(LONG))} FROM {TABLE}", caller)
        assert problem(answer)[:2] == (422, "query_memory_limit_exceeded")
