"""What the embedded stores keep over a restart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from unkey_api.dev.folder import CannotStart
from unkey_api.dev.mariadb import find_program
from unkey_api.dev.ports import free_ports
from unkey_api.dev.servers import clickhouse, valkey
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.infra.clickhouse.migrate import migrate
from unkey_api.infra.redis.client import RedisOptions, open_redis
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url

pytestmark = pytest.mark.integration


async def test_counters_are_kept(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    async with (
        valkey(tmp_path, port) as server,
        open_redis(RedisOptions(server.url, command_timeout=timedelta(seconds=5))) as redis,
    ):
        await redis.increment_many([("counter", 7, 600)])
    async with (
        valkey(tmp_path, port) as server,
        open_redis(RedisOptions(server.url, command_timeout=timedelta(seconds=5))) as redis,
    ):
        assert await redis.get("counter") == 7


async def test_events_views_and_their_rollups_are_kept(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    insert = (
        "INSERT INTO ratelimits_raw_v2 (workspace_id, time, passed, tokens) "
        "VALUES ('ws_1', toUnixTimestamp64Milli(now64(3)), true, 1)"
    )
    for restart in range(2):
        async with clickhouse(tmp_path, port) as server, open_clickhouse(parse_clickhouse_url(server.url)) as client:
            created = await migrate(client)
            assert bool(created) is (restart == 0)
            await client.execute(insert)
            rows = await client.fetch("SELECT sum(total) AS n FROM ratelimits_per_month_v2")
            assert rows == [{"n": restart + 1}]


def test_a_missing_server_program_is_explained() -> None:
    with pytest.raises(CannotStart, match=r"(?s)no-such-program is not installed.*make install"):
        find_program("no-such-program")
