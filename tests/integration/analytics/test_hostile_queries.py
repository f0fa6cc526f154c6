"""What the guard lets through, against the real engine, without any user, grant or row policy behind it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from tests.support.hostile_queries import (
    ATTACKER,
    ATTACKERS_KEYSPACE,
    FORBIDDEN_FUNCTIONS,
    FUNCTION_PLACES,
    PLACES,
    SOURCES,
    VICTIM,
    VICTIMS_KEYSPACE,
    hostile_queries,
)
from unkey_api.areas.analytics.errors import FunctionNotAllowed
from unkey_api.areas.analytics.guard.policy import Policy, RowFilter
from unkey_api.areas.analytics.guard.rewriting import rewrite
from unkey_api.areas.analytics.tables import VERIFICATIONS
from unkey_api.core.errors import AppError
from unkey_api.infra.clickhouse.client import ClickHouseClient, ClickHouseRefused

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
POLICIES = (
    Policy(workspace_id=ATTACKER, tables=VERIFICATIONS, max_rows=1_000),
    Policy(
        workspace_id=ATTACKER,
        tables=VERIFICATIONS,
        filters=(RowFilter("key_space_id", (ATTACKERS_KEYSPACE,)),),
        max_rows=1_000,
    ),
)
Answer = list[str] | str


async def insert(client: ClickHouseClient, workspace: str, keyspace: str, who: str) -> None:
    now = int(time.time() * 1_000) - 60_000
    rows = ", ".join(
        f"('req_{who}_{n}', {now + n}, '{workspace}', '{keyspace}', 'shared', 'key_{who}', '', ['t'], {n + 1}, {n})"
        for n in range(3)
    )
    columns = "request_id, time, workspace_id, key_space_id, external_id, key_id, outcome, tags, spent_credits, latency"
    await client.execute(f"INSERT INTO key_verifications_raw_v2 ({columns}) VALUES {rows}")


async def answers(client: ClickHouseClient, texts: Iterable[str]) -> dict[str, Answer]:
    """Return the rows of each query in an order of their own, or the number of the error."""
    found: dict[str, Answer] = {}
    for text in texts:
        try:
            found[text] = sorted(map(repr, await client.fetch(text)))
        except ClickHouseRefused as error:
            found[text] = f"refused: {error.number}"
    return found


def let_through(policy: Policy) -> list[str]:
    texts = []
    for query in hostile_queries():
        try:
            texts.append(rewrite(query, policy, now=NOW))
        except AppError:
            continue
    return texts


class TestWithoutRowPolicies:
    async def test_nothing_of_another_workspace_changes_any_answer(self, clickhouse_client: ClickHouseClient) -> None:
        """Stronger than that its rows do not come back: counts, joins and errors tell nothing of them either."""
        await insert(clickhouse_client, ATTACKER, ATTACKERS_KEYSPACE, "attacker")
        texts = [text for policy in POLICIES for text in let_through(policy)]
        before = await answers(clickhouse_client, texts)

        await insert(clickhouse_client, VICTIM, VICTIMS_KEYSPACE, "victim")
        after = await answers(clickhouse_client, texts)

        assert len(list(hostile_queries())) >= 400
        answered = [text for text in texts if isinstance(before[text], list)]
        assert len(answered) >= 100, "too few are answered for the comparison to mean anything"
        different = {text: (before[text], after[text]) for text in texts if before[text] != after[text]}
        assert different == {}

    async def test_the_comparison_notices_a_leak(self, clickhouse_client: ClickHouseClient) -> None:
        leak = "SELECT count() AS n FROM default.key_verifications_raw_v2 WHERE workspace_id = 'ws_noticed'"
        before = await answers(clickhouse_client, [leak])
        await insert(clickhouse_client, "ws_noticed", "ks_noticed", "noticed")

        assert before != await answers(clickhouse_client, [leak])


class TestRefused:
    @pytest.mark.parametrize("place", PLACES)
    def test_no_other_source_anywhere(self, place: str) -> None:
        for source in SOURCES:
            with pytest.raises(AppError):
                rewrite(place.format(source=source), POLICIES[0], now=NOW)

    @pytest.mark.parametrize("place", FUNCTION_PLACES)
    def test_no_other_function_anywhere(self, place: str) -> None:
        for call in FORBIDDEN_FUNCTIONS:
            # Words of the grammar are refused as such.
            expected = AppError if call.startswith(("CAST(", "in(")) else FunctionNotAllowed
            with pytest.raises(expected):
                rewrite(place.format(call=call), POLICIES[0], now=NOW)


class TestPlan:
    async def test_the_subquery_does_not_cost_the_primary_key(self, clickhouse_client: ClickHouseClient) -> None:
        """The caller's condition on `time` and ours on the workspace meet at the table."""
        await insert(clickhouse_client, ATTACKER, ATTACKERS_KEYSPACE, "attacker")
        query = "SELECT outcome, count() AS n FROM key_verifications_v1 WHERE time >= 1 GROUP BY outcome"

        plan = await clickhouse_client.fetch(f"EXPLAIN indexes = 1 {rewrite(query, POLICIES[0], now=NOW)}")

        lines = [str(value).strip() for row in plan for value in row.values()]
        keys = lines[lines.index("Keys:", lines.index("PrimaryKey")) + 1 :][:2]
        assert keys == ["workspace_id", "time"]
        assert not any("latency" in line for line in lines), "columns nobody asked for are not read"
