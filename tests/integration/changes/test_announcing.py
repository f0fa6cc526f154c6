"""What a command changed, told to servers that run."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

import pytest

from tests.support.harness import configuration
from tests.support.mysql import MysqlServer, settings_for
from tests.support.redis import RedisServer
from tests.support.waiting import eventually
from unkey_api.container.announcing import NAMED_MAX, announcing
from unkey_api.core.changes import key_changed, lane_of
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.dev.ports import free_ports
from unkey_api.infra.invalidation.redis_transport import RedisTransport
from unkey_api.infra.invalidation.wire import Heard, decode
from unkey_api.infra.mysql import Database, Dsn, Transaction, log_orphan
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration


@dataclass
class Server:
    """A process that listens."""

    up: bool = False
    heard: list[Heard] = field(default_factory=list)

    def received(self, message: bytes) -> None:
        self.heard.append(decode(message))

    def went_up(self) -> None:
        self.up = True

    def went_down(self, why: str) -> None:
        self.up = False


async def command(dsn: Dsn, address: Dsn, redis_url: str, workspace: str, count: int) -> None:
    """Change so many keys, as a command does."""
    clock = SystemClock()
    settings = load_settings(configuration(address, redis_url), {})
    database = Database(settings_for(dsn), clock=clock, on_orphan_error=log_orphan)

    async def work(tx: Transaction) -> None:
        tx.tell(*(key_changed(workspace, f"hash{number}", "ks") for number in range(count)))

    try:
        async with announcing(settings, database, clock=clock, ids=RandomIds()):
            if count:
                await database.transaction("test.command", work)
    finally:
        await database.close()


@pytest.mark.parametrize(("count", "named"), [(2, 2), (NAMED_MAX + 1, 0)])
async def test_servers_hear_what_changed_or_at_least_how_far_the_log_is(
    mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer, count: int, named: int
) -> None:
    workspace, server = f"ws_{secrets.token_hex(4)}", Server()
    listening = asyncio.create_task(RedisTransport(redis_server.url).run(server))
    try:
        await eventually(lambda: server.up)
        address = mysql_server.tcp_dsn(mysql_dsn.database)
        await command(mysql_dsn, address, redis_server.url, workspace, count)
        await eventually(lambda: any(lane_of(workspace) in heard.heads for heard in server.heard))
        assert sum(len(heard.changes) for heard in server.heard) == named
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_a_bus_that_is_away_fails_no_command(mysql_server: MysqlServer, mysql_dsn: Dsn) -> None:
    address = mysql_server.tcp_dsn(mysql_dsn.database)
    await command(mysql_dsn, address, f"redis://127.0.0.1:{free_ports(1)[0]}", "ws_away", 1)


async def test_a_command_that_changes_nothing_says_nothing(
    mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer
) -> None:
    server = Server()
    listening = asyncio.create_task(RedisTransport(redis_server.url).run(server))
    try:
        await eventually(lambda: server.up)
        address = mysql_server.tcp_dsn(mysql_dsn.database)
        await command(mysql_dsn, address, redis_server.url, "ws_quiet", 0)
        await command(mysql_dsn, address, redis_server.url, "ws_loud", 1)
        await eventually(lambda: bool(server.heard))
        assert [lane_of("ws_loud") in heard.heads for heard in server.heard] == [True]
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
