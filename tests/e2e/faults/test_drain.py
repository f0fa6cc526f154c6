"""Stopping under load: whoever was let in gets an answer, and every answer leaves its rows."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.making import authorized, limit, make_keys, verify
from tests.support.harness import Caller
from tests.support.load import Load, Target, under_load
from tests.support.redis import RedisServer
from tests.support.served import Served, ServeOptions, Service, served_by, serving
from tests.support.waiting import eventually
from unkey_api.dev.clickhouse import ClickHouse
from unkey_api.infra.clickhouse.client import ClickHouseClient
from unkey_api.infra.mysql import Database

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HTTP1_CONNECTIONS = 100
HTTP2_CONNECTIONS = 100
LOADED_ANSWERS = 2_000
"""How much must have been answered before the stop."""
BUDGET_SECONDS = 10.0


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


async def rows_of(client: ClickHouseClient, caller: Caller, path: str) -> int:
    query = "SELECT count() AS n, uniqExact(request_id) AS u FROM api_requests_raw_v2 WHERE workspace_id = '{}'"
    [row] = await client.fetch(query.format(caller.workspace_id) + f" AND path = '{path}'")
    assert row["n"] == row["u"]
    return int(str(row["n"]))


async def test_a_stop_under_load_loses_nothing(own: Served, clickhouse_client: ClickHouseClient) -> None:
    caller = await own.admin()
    load = await prepared_load(own, caller)
    process = own.service.process
    async with under_load(load, target_of(own.service)):
        await eventually(lambda: len(load.answers) >= LOADED_ANSWERS, within_seconds=30)
        stopped_at = time.monotonic()
        own.service.signal(signal.SIGTERM)
        await eventually(lambda: process.poll() is not None, within_seconds=3 * BUDGET_SECONDS)
        ended_after = time.monotonic() - stopped_at
    wrong = [answer for answer in load.answers if not answer.correct]
    print(  # noqa: T201 - the figures belong to the test's report
        f"drain: {len(load.answers)} answers on {load.connections} connections, {len(load.since(stopped_at))} of them "
        f"sent after SIGTERM, {len(load.lost)} lost, {load.unprocessed} unprocessed, ended after {ended_after:.2f} s, "
        f"{dict(load.goodbyes)}"
    )
    assert load.lost == []
    assert wrong == []
    assert process.returncode == 0, own.service.log_text()[-3000:]
    assert ended_after < BUDGET_SECONDS
    for path in ("/v2/keys.verifyKey", "/v2/ratelimit.limit"):
        answered = sum(answer.call.path == path for answer in load.answers)
        assert await rows_of(clickhouse_client, caller, path) == answered
