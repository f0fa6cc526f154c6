"""What an analytics query costs beside what ClickHouse takes for it, with ten million verifications.

    make bench-analytics
    make bench-analytics ROWS=1000000

ClickHouse is the embedded one, started for the run. Both sides ask it over HTTP, in turns: one sends the query as
somebody would write it who knows the tables, the other goes through the guard, the workspace's settings and login, and
the decoding of the answer. What MySQL and the vault add is left out: they are asked once a minute and once a day.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

from rich.progress import track

from unkey_api.areas.analytics.service.ask import Ask
from unkey_api.areas.analytics.service.connections import Connections, analytics_caches
from unkey_api.areas.analytics.tables import VERIFICATIONS
from unkey_api.areas.analytics.types import WorkspaceSettings
from unkey_api.core.clock import SystemClock
from unkey_api.core.secret import Secret
from unkey_api.dev.ports import free_ports
from unkey_api.dev.servers import clickhouse
from unkey_api.infra.clickhouse.client import ClickHouseClient, ClickHousePolicy, open_clickhouse
from unkey_api.infra.clickhouse.migrate import migrate
from unkey_api.infra.clickhouse.reading import Login, QueryReader, open_query_reader
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url

WORKSPACE = "ws_measured"
PORTION = 500_000
DAYS = 30
REPEATS = 9
_MINUTES = timedelta(minutes=10)
LOGIN = Login("default", Secret(""))
SEED = """
INSERT INTO key_verifications_raw_v2
    (request_id, time, workspace_id, key_space_id, external_id, key_id, region, outcome, tags, spent_credits, latency)
SELECT
    concat('req_', toString(number)),
    toUnixTimestamp64Milli(now64(3)) - toInt64(rand64(1) % (30 * 86400000)),
    if(number % 2 = 0, 'ws_measured', 'ws_other'),
    concat('ks_', toString(number % 5)),
    concat('user_', toString(rand(2) % 100)),
    concat('key_', toString(rand(2) % 200)),
    'local',
    if(rand(3) % 10 = 0, 'RATE_LIMITED', 'VALID'),
    [concat('path:', toString(rand(4) % 20))],
    1,
    rand(5) % 100
FROM numbers({begin}, {rows})
"""
QUESTIONS = {
    "a month per hour, from the rollup": (
        "SELECT time, sum(count) AS n FROM {hour} "
        "WHERE {mine}time >= now() - INTERVAL 30 DAY GROUP BY time ORDER BY time"
    ),
    "outcomes of a day, from raw rows": (
        "SELECT outcome, count() AS n FROM {raw} "
        "WHERE {mine}time >= toUnixTimestamp64Milli(now64() - INTERVAL 1 DAY) GROUP BY outcome"
    ),
    "ten thousand raw rows": "SELECT request_id, time, key_id, outcome FROM {raw} WHERE {mine}1 LIMIT 10000",
}
KNOWN = {
    "raw": "default.key_verifications_raw_v2",
    "hour": "default.key_verifications_per_hour_v3",
    "mine": f"workspace_id = '{WORKSPACE}' AND ",
}
PUBLIC = {"raw": "key_verifications_v1", "hour": "key_verifications_per_hour_v1", "mine": ""}


async def main(rows: int) -> None:
    """Seed, measure, print."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unkey-bench-")))
        server = await stack.enter_async_context(clickhouse(folder, free_ports(1)[0]))
        address = parse_clickhouse_url(server.url)
        patient = ClickHousePolicy(statement_timeout=_MINUTES)
        client = await stack.enter_async_context(open_clickhouse(address, policy=patient))
        reader = await stack.enter_async_context(open_query_reader(address))
        refreshes = BackgroundJobs("bench.refreshes")
        stack.push_async_callback(refreshes.close)
        await migrate(client)
        await seed(client, rows)
        ask = use_case(reader, refreshes)
        print(f"\n{rows:,} verifications, medians of {REPEATS} in milliseconds\n")
        print("| question | ClickHouse alone | through the guard | more |\n|---|---|---|---|")
        for question, template in QUESTIONS.items():
            alone, through = await in_turns(
                partial(reader.read, template.format(**KNOWN), LOGIN, within=_MINUTES, most_bytes=100_000_000),
                partial(ask.of_workspace, WORKSPACE, VERIFICATIONS, (), template.format(**PUBLIC), big_as_text=False),
            )
            print(f"| {question} | {alone * 1e3:.0f} | {through * 1e3:.0f} | {through / alone - 1:+.0%} |")


async def seed(client: ClickHouseClient, rows: int) -> None:
    """Insert the rows; the views fill the rollups meanwhile."""
    for begin in track(range(0, rows, PORTION), description="verifications"):
        await client.execute(SEED.format(begin=begin, rows=min(PORTION, rows - begin)))
    await client.execute("OPTIMIZE TABLE key_verifications_per_hour_v3")


def use_case(reader: QueryReader, refreshes: BackgroundJobs) -> Ask:
    """Return the use case, which knows the workspace already."""
    clock = SystemClock()
    caches = analytics_caches(clock=clock, refreshes=refreshes)
    caches.settings.set(WORKSPACE, WorkspaceSettings("default", "known", 10_000, DAYS))
    caches.logins.set((WORKSPACE, "default", "known"), LOGIN)
    return Ask(Connections(caches, _nobody, _NoVault(), reader), clock=clock)


async def in_turns(*sides: Callable[[], Awaitable[object]]) -> list[float]:
    """Return the median time of each in seconds, after one that does not count."""
    taken: list[list[float]] = [[] for _ in sides]
    for _ in range(REPEATS + 1):
        for side, times in zip(sides, taken, strict=True):
            began = time.perf_counter()
            await side()
            times.append(time.perf_counter() - began)
    return [median(times[1:]) for times in taken]


def _nobody(workspace_id: str) -> NoReturn:
    raise AssertionError(f"{workspace_id} is known")


class _NoVault:
    """Is never asked."""

    def __getattr__(self, name: str) -> Any:  # every method of a vault
        raise AssertionError(name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    asyncio.run(main(parser.parse_args().rows))
