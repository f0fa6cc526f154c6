"""Every query of docs/analytics.md runs as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.asking import Asking
from unkey_api.areas.analytics.guard.functions import FUNCTIONS
from unkey_api.areas.analytics.tables import ALL_TABLES, GATEWAY_REQUESTS, RATELIMITS, RUNTIME_LOGS, VERIFICATIONS

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "analytics.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
OPERATIONS = {
    "getVerifications": VERIFICATIONS,
    "getRatelimits": RATELIMITS,
    "getGatewayRequests": GATEWAY_REQUESTS,
    "getRuntimeLogs": RUNTIME_LOGS,
}


def test_there_are_twenty() -> None:
    assert len(QUERIES) == 20


def test_functions_and_tables_are_listed() -> None:
    listed = re.search(r"\n> (.*?)\n\n", PAGE, re.DOTALL)
    assert listed is not None
    assert listed[1].replace("\n> ", " ").split(", ") == list(FUNCTIONS.values())
    short = {re.sub(r"^(key_verifications|ratelimits)_per", "…_per", table.name) for table in ALL_TABLES}
    assert {name for name in short if f"`{name}`" not in PAGE and "minute" not in name} == set()


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: " ".join(query.split())[:40])
async def test_it_runs(asking: Asking, query: str) -> None:
    operation = next(name for name, tables in OPERATIONS.items() if any(table in query for table in tables))
    answer = await asking.ask(operation, query, await asking.caller())
    assert answer.status == 200, answer.body
