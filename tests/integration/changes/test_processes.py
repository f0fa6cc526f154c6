"""Two processes on one database: what one changes, the other knows.

The clock stands still, so that no window ever ends: only the log or the bus can be how the other one heard.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from tests.support.asgi import Client
from tests.support.clock import FixedClock
from tests.support.harness import Caller, Harness, configuration
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.waiting import eventually
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.dev.ports import free_ports
from unkey_api.infra.mysql import Dsn
from unkey_api.rpc.health import Phase
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration


@dataclass
class Pair:
    """A process that changes things, and one that only verifies."""

    api: Harness
    here: Client
    there: Client

    async def verify(self, client: Client, caller: Caller, key: str) -> str:
        headers = {"content-type": "application/json", "authorization": f"Bearer {caller.root_key}"}
        answer = await client.post("/v2/keys.verifyKey", {"key": key}, headers=headers)
        return str(answer.json["data"]["code"]) if answer.status == 200 else str(answer.status)


@pytest.fixture(params=["log", "log and bus"])
async def pair(
    request: pytest.FixtureRequest, api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer
) -> AsyncIterator[Pair]:
    """Two processes that share a database, and in one case a Redis."""
    silent = request.param == "log"
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            redis = f"redis://127.0.0.1:{free_ports(1)[0]}" if silent else redis_server.url
            soon = '{ startup_timeout = "100ms" }'  # a start waits so long for a Redis that is away
            text = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis, redis=soon)
            if not silent:
                text += '\n[revocation]\nfollow_every = "5s"\n'
            settings = load_settings(text, {})
            served = await stack.enter_async_context(open_application(settings, Runtime(clock=FixedClock())))
            served.health.phase = Phase.SERVING
            clients.append(Client(served.app))
        yield Pair(api, *clients)


async def test_a_deleted_key_is_refused_by_the_other_process(pair: Pair) -> None:
    caller = await pair.api.admin()
    api_id = (await pair.api.post("/v2/apis.createApi", {"name": "abc"}, caller)).json["data"]["apiId"]
    headers = {"content-type": "application/json", "authorization": f"Bearer {caller.root_key}"}
    made = (await pair.here.post("/v2/keys.createKey", {"apiId": api_id}, headers=headers)).json["data"]
    assert await pair.verify(pair.there, caller, made["key"]) == "VALID"
    await pair.here.post("/v2/keys.deleteKey", {"keyId": made["keyId"]}, headers=headers)
    assert await pair.verify(pair.here, caller, made["key"]) == "NOT_FOUND"

    async def refused() -> bool:
        return await pair.verify(pair.there, caller, made["key"]) == "NOT_FOUND"

    await eventually(refused, within_seconds=4.5)


async def test_an_override_holds_in_the_other_process(pair: Pair) -> None:
    caller = await pair.api.admin()
    headers = {"content-type": "application/json", "authorization": f"Bearer {caller.root_key}"}
    body = {"namespace": "mail", "identifier": "u", "limit": 1, "duration": 60_000}
    assert (await pair.there.post("/v2/ratelimit.limit", body, headers=headers)).json["data"]["success"]
    override = {"namespace": "mail", "identifier": "u", "limit": 0, "duration": 60_000}
    assert (await pair.here.post("/v2/ratelimit.setOverride", override, headers=headers)).status == 200

    async def overridden() -> bool:
        answer = await pair.there.post("/v2/ratelimit.limit", body, headers=headers)
        return answer.json["data"].get("overrideId") is not None

    await eventually(overridden, within_seconds=4.5)


async def test_a_root_key_revoked_from_the_terminal_is_refused_by_both(pair: Pair) -> None:
    caller = await pair.api.admin()
    (line,) = await pair.api.admin_service.list_root_keys(caller.workspace_id)
    for client in (pair.here, pair.there):
        assert await pair.verify(client, caller, "unknown") == "NOT_FOUND"
    await pair.api.admin_service.root_keys.revoke(line.id)

    async def refused() -> bool:
        return {await pair.verify(client, caller, "unknown") for client in (pair.here, pair.there)} == {"401"}

    await eventually(refused, within_seconds=8)
