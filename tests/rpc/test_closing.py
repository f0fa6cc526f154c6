"""What the composition root ends, and in which order, when the service stops."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.support.asgi import Client
from tests.support.clock import FixedClock
from tests.support.harness import Harness, configuration
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.waiting import eventually, running
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.infra.mysql import Dsn
from unkey_api.infra.mysql.driver import connect
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration


def creating() -> bool:
    """Whether somebody is behind the creation of a namespace; the write itself is a task of the database."""
    return running("ratelimit.create_namespace:")


async def test_creation_nobody_waits_for_is_ended_before_the_database_closes(
    api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer
) -> None:
    """Closing the database waits for the write; the task that wanted it must not outlive what it works with."""
    caller = await api.admin()
    settings = load_settings(configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url), {})
    stop = asyncio.Event()
    opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with open_application(settings, Runtime(clock=FixedClock())) as served:
            opened.set_result(Client(served.app))
            await stop.wait()

    blocker = await connect(mysql_dsn, statement_timeout=timedelta(seconds=30))
    serving = asyncio.create_task(serve())
    try:
        await blocker.run("BEGIN")
        await blocker.run(
            "INSERT INTO ratelimit_namespaces (id, workspace_id, project_id, name) "
            f"VALUES ('rlns_{caller.workspace_id}', '{caller.workspace_id}', 'proj_x', 'n')"
        )
        headers = {"content-type": "application/json", "authorization": f"Bearer {caller.root_key}"}
        body = {"namespace": "n", "identifier": "u", "limit": 1, "duration": 1000}
        request = asyncio.create_task((await opened).post("/v2/ratelimit.limit", body, headers=headers))
        await eventually(creating)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        assert creating()
        stop.set()
        await eventually(lambda: not creating(), within_seconds=2)
        assert not serving.done()
    finally:
        await blocker.quit()
        stop.set()
        await serving
