"""How many files of ours a verification crosses from its bytes to its answer's, and that a page walks the same way.

A reader who wants to know what happens to a request has to open every one of them. So their number is a promise.
"""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from tests.support.harness import Harness, configuration
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.way import ROOT, way_of
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.core.clock import SystemClock
from unkey_api.dev.servers import ClickHouse
from unkey_api.infra.clickhouse.client import ClickHouseClient
from unkey_api.infra.mysql import Dsn
from unkey_api.server.http1.connections import Bounds, Connections
from unkey_api.server.http1.starting import new_event_loop
from unkey_api.server.listeners import Admission
from unkey_api.settings.limits import LimitSettings
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration
PAGE = ROOT / "docs" / "request.md"
STATION = re.compile(r"^\| \d+ \| \[[^\]]+\]\(\.\./([^)]+)\)", re.MULTILINE)
MOST_FILES = 31
TRIES = 50


@pytest.fixture(scope="module")
async def way(
    api: Harness,
    mysql_server: MysqlServer,
    mysql_dsn: Dsn,
    redis_server: RedisServer,
    clickhouse_server: ClickHouse,
    clickhouse_client: ClickHouseClient,
) -> list[str]:
    """The files a warm verification crosses in a service that has everything, on the loop it is served on."""
    caller = await api.admin()
    created = (await api.post("/v2/apis.createApi", {"name": "way"}, caller)).json["data"]
    issued = (await api.post("/v2/keys.createKey", {"apiId": created["apiId"]}, caller)).json["data"]
    toml = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
    toml += f'\n[clickhouse]\nurl = "{clickhouse_server.url}"'
    body = json.dumps({"key": issued["key"]})
    request = (
        "POST /v2/keys.verifyKey HTTP/1.1\r\nHost: unkey.test\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {caller.root_key}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()

    def serve() -> list[str]:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(_warm_way(toml, request))

    return await asyncio.to_thread(serve)


async def _warm_way(toml: str, request: bytes) -> list[str]:
    async with open_application(load_settings(toml, {}), Runtime(worker=1)) as served:
        limits = LimitSettings()
        shared = Connections(
            served.app,
            loop=asyncio.get_running_loop(),
            clock=SystemClock(),
            bounds=Bounds.of(limits),
            admission=Admission(total=limits.connections, per_address=limits.connections_per_address, exempt=()),
        )
        for _ in range(TRIES):
            files, answer = await way_of(shared, request)
            if answer.count(b"status=fresh") == 3:
                assert b'"valid":true' in answer
                return files
            # Something had to be loaded first.
            while shared.tasks:
                await asyncio.wait(shared.tasks)
        raise AssertionError("the verification never got warm")


async def test_a_warm_verification_crosses_few_files(way: list[str]) -> None:
    assert len(way) <= MOST_FILES, "\n".join(way)


async def test_the_page_walks_them_in_order(way: list[str]) -> None:
    assert STATION.findall(PAGE.read_text(encoding="utf-8")) == way
