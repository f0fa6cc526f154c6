"""analytics.getRatelimits."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.rpc.analytics.refusing import SENTENCES, problem
from tests.support.asking import Asking
from tests.support.harness import Caller

pytestmark = pytest.mark.integration

OPERATION = "getRatelimits"
TABLE = "ratelimits_v1"
COUNT = f"SELECT count() AS n FROM {TABLE}"
DENIED = (403, "insufficient_permissions", "Missing permission: 'ratelimit.*.read_analytics'")
RAW = "ratelimits_raw_v2"
LONG = {"identifier": "x" * 9_000}


def event(caller: Caller, **fields: Any) -> dict[str, Any]:
    return {
        "request_id": f"req_{secrets.token_hex(4)}",
        "workspace_id": caller.workspace_id,
        "namespace_id": "ns_one",
        "identifier": "user",
        "passed": 1,
        "limit": 10,
        "remaining": 0,
        "tokens": 2,
        **fields,
    }


class TestAnswered:
    async def test_rows_come_by_column_name(self, asking: Asking) -> None:
        caller = await asking.caller()
        await asking.add(RAW, event(caller), event(caller, passed=0))
        query = f"SELECT identifier, passed, limit, remaining FROM {TABLE} ORDER BY passed"
        row = {"identifier": "user", "limit": 10, "remaining": 0}
        assert await asking.rows(OPERATION, query, caller) == [{**row, "passed": False}, {**row, "passed": True}]

    async def test_rollups_are_filled(self, asking: Asking) -> None:
        caller = await asking.caller()
        await asking.add(RAW, event(caller), event(caller, passed=0))
        for step in ("minute", "hour", "day", "month"):
            query = f"SELECT sum(passed) AS passed, sum(total) AS total FROM ratelimits_per_{step}_v1"
            assert await asking.rows(OPERATION, query, caller) == [{"passed": 1, "total": 2}], step


class TestRows:
    async def test_another_workspace_is_never_seen(self, asking: Asking) -> None:
        caller, other = await asking.caller(), await asking.caller()
        await asking.add(RAW, event(caller), event(other))
        for query in (COUNT, f"{COUNT} WHERE 1 OR 1", f"SELECT count() AS n FROM {TABLE} a JOIN {TABLE} b ON 1 = 1"):
            assert await asking.rows(OPERATION, query, caller) == [{"n": 1}]

    @pytest.mark.parametrize(
        "form", ["ratelimit.{}.read_analytics", "unkey:v1:{ws}:ratelimits/namespaces/{}#read_analytics"]
    )
    async def test_permission_for_namespaces_shows_theirs(self, asking: Asking, form: str) -> None:
        """Whether or not there are such namespaces: what a deleted one counted stays readable."""
        owner = await asking.caller()
        await asking.add(RAW, *(event(owner, namespace_id=f"ns_{n}") for n in range(15)))
        grants = [form.replace("{ws}", owner.workspace_id).replace("{}", f"ns_{n}") for n in range(12)]
        scoped = await asking.api.caller(*grants, workspace_id=owner.workspace_id)

        assert await asking.rows(OPERATION, COUNT, scoped) == [{"n": 12}]
        assert await asking.rows(OPERATION, f"{COUNT} WHERE namespace_id != 'ns_1' OR 1 = 1", scoped) == [{"n": 12}]
        assert await asking.rows(OPERATION, f"SELECT 1 FROM {TABLE} WHERE namespace_id = 'ns_14'", scoped) == []

    async def test_a_namespace_of_another_workspace_shows_nothing(self, asking: Asking) -> None:
        owner, other = await asking.caller(), await asking.caller()
        await asking.add(RAW, event(other, namespace_id="ns_foreign"), event(owner))
        scoped = await asking.api.caller("ratelimit.ns_foreign.read_analytics", workspace_id=owner.workspace_id)

        assert await asking.rows(OPERATION, f"SELECT 1 FROM {TABLE}", scoped) == []


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
            "ratelimit.*.limit",
            "ratelimit.a.b.read_analytics",
            "api.*.read_analytics",
            "project.*.read_analytics",
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

    @pytest.mark.parametrize(
        "table", ["key_verifications_v1", "ratelimits", "ratelimits_raw_v2", "gateway_requests_v1"]
    )
    async def test_other_tables_are_unknown(self, asking: Asking, table: str) -> None:
        answer = await asking.ask(OPERATION, f"SELECT 1 FROM {table}", await asking.caller())
        assert problem(answer)[:2] == (400, "invalid_analytics_table")


class TestPrecondition:
    async def test_a_workspace_without_settings_cannot_ask(self, asking: Asking) -> None:
        caller = await asking.api.caller("ratelimit.*.read_analytics")
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
