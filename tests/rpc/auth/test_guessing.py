"""Guessed credentials cost the guesser, on both surfaces."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.asgi import Answer, Client
from tests.support.clock import FixedClock
from tests.support.harness import Harness, configuration
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.statements import StatementRecorder
from tests.support.tokens import ISSUER, SECRET
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.infra.mysql import Dsn
from unkey_api.rpc.health import Phase
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration
HTTP_JSON = "/v2/apis.getApi"
CONNECT = "/unkey.apis.v2.ApisService/GetApi"
BURST = 5


class Door:
    """A service of its own whose addresses may fail five times."""

    def __init__(self, client: Client, clock: FixedClock, statements: StatementRecorder) -> None:
        self.client = client
        self.clock = clock
        self.statements = statements

    async def ask(self, path: str, bearer: str, *, address: str = "203.0.113.9") -> Answer:
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        return await Client(self.client.app, address).post(path, {"apiId": "api_none"}, headers=headers)

    async def exhaust(self, path: str, *, address: str = "203.0.113.9") -> None:
        for number in range(BURST):
            assert (await self.ask(path, f"guess_{number}", address=address)).status == 401


@pytest.fixture
async def door(
    api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer
) -> AsyncIterator[Door]:
    text = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
    text = text.replace("burst = 1_000_000", f"burst = {BURST}\nper_second = 1.0")
    text += f'\n[[auth]]\ntype = "jwt"\nissuer = "{ISSUER}"\nsecrets = ["{SECRET}"]\n'
    clock, statements = FixedClock(api.clock.now_ms()), StatementRecorder()
    async with open_application(load_settings(text, {}), Runtime(clock=clock, statements=statements)) as served:
        served.health.phase = Phase.SERVING
        yield Door(Client(served.app), clock, statements)


@pytest.mark.parametrize("path", [HTTP_JSON, CONNECT])
class TestGuessing:
    async def test_after_a_burst_guesses_are_refused_without_a_look_up(self, door: Door, path: str) -> None:
        await door.exhaust(path)
        with door.statements.recording() as asked:
            answer = await door.ask(path, "one_more")
        assert answer.status == 429
        assert answer.headers["retry-after"] == "1"
        assert "unknown credentials came from your address" in answer.body.decode()
        assert asked == []

    async def test_a_known_caller_at_the_same_address_is_served(self, api: Harness, door: Door, path: str) -> None:
        """Many callers share an address; one of them must not be able to lock the others out."""
        caller = await api.admin()
        assert (await door.ask(path, caller.root_key)).status == 404
        await door.exhaust(path)
        assert (await door.ask(path, "one_more")).status == 429
        for _ in range(3):
            assert (await door.ask(path, caller.root_key)).status == 404
        door.clock.advance(60_000)
        await door.exhaust(path)
        assert (await door.ask(path, "one_more")).status == 429
        assert (await door.ask(path, caller.root_key)).status == 404, "stale in the cache, and still known"

    async def test_other_addresses_are_not_concerned(self, api: Harness, door: Door, path: str) -> None:
        await door.exhaust(path)
        caller = await api.admin()
        assert (await door.ask(path, "guess", address="203.0.113.10")).status == 401
        assert (await door.ask(path, caller.root_key, address="203.0.113.10")).status == 404

    async def test_it_passes_by_itself(self, api: Harness, door: Door, path: str) -> None:
        await door.exhaust(path)
        caller = await api.admin()
        assert (await door.ask(path, caller.root_key)).status == 429, "not known yet"
        door.clock.advance(1_000)
        assert (await door.ask(path, caller.root_key)).status == 404
        assert (await door.ask(path, "guess")).status == 401
        assert (await door.ask(path, "guess")).status == 429

    async def test_successes_cost_nothing(self, api: Harness, door: Door, path: str) -> None:
        for _ in range(2 * BURST):
            caller = await api.admin()
            assert (await door.ask(path, caller.root_key)).status == 404
        assert (await door.ask(path, "guess")).status == 401

    async def test_tokens_are_guesses_too(self, door: Door, path: str) -> None:
        for _ in range(BURST):
            assert (await door.ask(path, "a.b.c")).status == 401
        assert (await door.ask(path, "a.b.c")).status == 429
