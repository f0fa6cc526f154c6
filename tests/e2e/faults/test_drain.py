"""Stopping under load: whoever was let in gets an answer, and every answer leaves its rows."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.figures import Figures
from tests.e2e.faults.making import authorized, limit, make_keys, verify
from tests.support.harness import Caller
from tests.support.load import Load, Target, under_load
from tests.support.redis import RedisServer
from tests.support.served import Served, ServeOptions, Service, served_by, serving
from tests.support.waiting import eventually
from unkey_api.dev.servers import ClickHouse
from unkey_api.infra.clickhouse.client import ClickHouseClient
from unkey_api.infra.mysql import Database

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HTTP1_CONNECTIONS = 100
HTTP2_CONNECTIONS = 100
LOADED_ANSWERS = 2_000
"""How much must have been answered before the stop."""
BUDGET_SECONDS = 10.0
EVENTS = {"/v2/keys.verifyKey": "key_verifications_raw_v2", "/v2/ratelimit.limit": "ratelimits_raw_v2"}
"""The table that every answer of an operation leaves a row in, beside that of the request."""


@pytest.fixture
def own(
    served_database: str,
    redis_server: RedisServer,
    clickhouse_server: ClickHouse,
    clickhouse_client: ClickHouseClient,
    database: Database,
    tmp_path: Path,
) -> Iterator[Served]:
    """A service of this test alone, that writes rows."""
    options = ServeOptions(
        database=served_database, redis=redis_server.url, clickhouse=clickhouse_server.url, workers=2
    )
    with serving(options, tmp_path) as service:
        yield served_by(service, database)


def target_of(service: Service, http1: int = HTTP1_CONNECTIONS, http2: int = HTTP2_CONNECTIONS) -> Target:
    options = service.options
    return Target(
        http1_port=options.http_port,
        http2_port=options.http2_port,
        http1_connections=http1,
        http2_connections=http2,
        streams=2,
    )


async def prepared_load(own: Served, caller: Caller) -> Load:
    keys = await make_keys(own.base, caller, 10)
    return Load([*map(verify, keys), *limit("drain", ["a", "b", "c"])], authorized(caller))


async def rows_of(client: ClickHouseClient, caller: Caller, table: str, which: str = "") -> int:
    """Count the rows of the load's workspace, each for a request of its own."""
    query = (
        f"SELECT count() AS n, uniqExact(request_id) AS u FROM {table} WHERE workspace_id = '{caller.workspace_id}' "
    )
    [row] = await client.fetch(query + which)
    assert row["n"] == row["u"]
    return int(str(row["n"]))


async def test_a_stop_under_load_loses_nothing(
    own: Served, clickhouse_client: ClickHouseClient, figures: Figures
) -> None:
    caller = await own.admin()
    load = await prepared_load(own, caller)
    process = own.service.process
    async with under_load(load, target_of(own.service)):
        await eventually(lambda: len(load.answers) >= LOADED_ANSWERS, within_seconds=30)
        at_stop = load.open_connections
        stopped_at = time.monotonic()
        own.service.signal(signal.SIGTERM)
        await eventually(lambda: process.poll() is not None, within_seconds=3 * BUDGET_SECONDS)
        ended_after = time.monotonic() - stopped_at
    wrong = [answer for answer in load.answers if not answer.correct]
    figures.note(
        f"drain: {len(load.answers)} answers on {at_stop} open connections, {len(load.since(stopped_at))} of them sent "
        f"after SIGTERM, {len(load.lost)} lost, {len(wrong)} wrong, {load.unprocessed} declared unprocessed, ended "
        f"after {ended_after:.2f} s, {dict(load.goodbyes)}"
    )
    assert load.lost == []
    assert wrong == []
    assert process.returncode == 0, own.service.log_text()[-3000:]
    assert ended_after < BUDGET_SECONDS
    assert at_stop == HTTP1_CONNECTIONS + HTTP2_CONNECTIONS
    assert load.goodbyes.keys() >= {"connection: close", "GOAWAY all 0"}
    for path, table in EVENTS.items():
        answered = sum(answer.call.path == path for answer in load.answers)
        requests = await rows_of(clickhouse_client, caller, "api_requests_raw_v2", f"AND path = '{path}'")
        events = await rows_of(clickhouse_client, caller, table)
        figures.note(f"drain: {answered} answers of {path}, {requests} request rows, {events} rows in {table}")
        assert (requests, events) == (answered, answered)
