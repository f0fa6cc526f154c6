"""Guessed credentials cost the guesser, on both surfaces."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.asgi import Answer, Client
from tests.support.clock import FixedClock
from tests.support.harness import Caller, Harness, configuration
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from tests.support.statements import StatementRecorder
from tests.support.tokens import ISSUER, SECRET
from tests.support.waiting import settle
from unkey_api.container.application import open_application
from unkey_api.container.runtime import Runtime
from unkey_api.infra.mysql import Dsn
from unkey_api.rpc.health import Phase
from unkey_api.server.worker import Served
from unkey_api.settings.load import load_settings

pytestmark = pytest.mark.integration
HTTP_JSON = "/v2/apis.getApi"
CONNECT = "/unkey.apis.v2.ApisService/GetApi"
BURST = 5


class Door:
    """A service of its own whose addresses may fail five times."""

    def __init__(self, served: Served, clock: FixedClock, statements: StatementRecorder) -> None:
        self.served = served
        self.clock = clock
        self.statements = statements

    async def ask(self, path: str, bearer: str, *, address: str = "203.0.113.9") -> Answer:
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        return await Client(self.served.app, address).post(path, {"apiId": "api_none"}, headers=headers)

    def asking(self, path: str, *, address: str = "203.0.113.9") -> asyncio.Task[Answer]:
        """Present one more guess and do not wait for the answer."""
        return asyncio.ensure_future(self.ask(path, "one_more", address=address))

    def counted(self, name: str) -> float:
        """Return a counter of the metrics."""
        return float(re.search(rf"^{name} (\S+)$", self.served.metrics().decode(), re.MULTILINE)[1])  # type: ignore[index]  # it is there

    async def exhaust(self, path: str, *, address: str = "203.0.113.9") -> None:
        for number in range(BURST):
            assert (await self.ask(path, f"guess_{number}", address=address)).status == 401


@pytest.fixture
async def known(api: Harness) -> Caller:
    """A caller who was there before the service began: of others it hears by and by, and forgets what it knows."""
    return await api.admin()


@pytest.fixture
async def door(
    api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer
) -> AsyncIterator[Door]:
    text = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
    async with opened(api, text, 'delay = "0s"') as door:
        yield door


@pytest.fixture
async def slow_door(
    api: Harness, mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer
) -> AsyncIterator[Door]:
    """The same, with so long a wait that no test sees the end of it; two of an address, three in all."""
    text = configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url)
    async with opened(api, text, 'delay = "10m"', "delayed_per_address = 2", "delayed = 3") as door:
        yield door


@asynccontextmanager
async def opened(api: Harness, text: str, *lines: str) -> AsyncIterator[Door]:
    text = text.replace("burst = 1_000_000", "\n".join([f"burst = {BURST}", "per_second = 1.0", *lines]))
    text += f'\n[[auth]]\ntype = "jwt"\nissuer = "{ISSUER}"\nsecrets = ["{SECRET}"]\n'
    clock, statements = FixedClock(api.clock.now_ms()), StatementRecorder()
    async with open_application(load_settings(text, {}), Runtime(clock=clock, statements=statements)) as served:
        served.health.phase = Phase.SERVING
        yield Door(served, clock, statements)


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

    async def test_a_known_caller_at_the_same_address_is_served(self, known: Caller, door: Door, path: str) -> None:
        """Many callers share an address; one of them must not be able to lock the others out."""
        caller = known
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

    async def test_a_guess_is_refused_before_its_body_is_looked_at(self, door: Door, path: str) -> None:
        await door.exhaust(path)
        headers = {"authorization": "Bearer one_more", "content-type": "application/json"}
        answer = await Client(door.served.app).post(path, b"no JSON at all", headers=headers)
        assert answer.status == 429


@pytest.mark.parametrize("path", [HTTP_JSON, CONNECT])
class TestTheWait:
    async def test_a_refusal_comes_late_and_only_so_many_wait(self, slow_door: Door, path: str) -> None:
        door = slow_door
        for address in ("203.0.113.9", "203.0.113.10", "203.0.113.11"):
            await door.exhaust(path, address=address)
        waiting = [door.asking(path), door.asking(path), door.asking(path, address="203.0.113.10")]
        await settle()
        assert (await door.ask(path, "one_more")).status == 429, "no room for a third of one address"
        assert (await door.ask(path, "one_more", address="203.0.113.11")).status == 429, "no room for a fourth"
        assert not any(each.done() for each in waiting)
        assert door.counted("unkey_guesses_refused_total") == 2
        door.served.health.phase = Phase.STOPPING
        answers = await asyncio.gather(*waiting)
        assert [answer.status for answer in answers] == [429] * 3
        assert [answer.headers["retry-after"] for answer in answers] == ["1"] * 3
        assert door.counted("unkey_guesses_refused_total") == 5
        assert door.counted("unkey_guesses_held_total") == 3

    async def test_nobody_waits_beside_them(self, known: Caller, slow_door: Door, path: str) -> None:
        """Neither a caller who is known, at the same address, nor a stranger at another one."""
        door, caller = slow_door, known
        assert (await door.ask(path, caller.root_key)).status == 404
        await door.exhaust(path)
        waiting = [door.asking(path), door.asking(path)]
        await settle()
        assert (await door.ask(path, caller.root_key)).status == 404
        assert (await door.ask(path, "guess", address="203.0.113.10")).status == 401
        assert not any(each.done() for each in waiting)
        door.served.health.phase = Phase.STOPPING
        assert [answer.status for answer in await asyncio.gather(*waiting)] == [429] * 2

    async def test_who_leaves_makes_room(self, slow_door: Door, path: str) -> None:
        door = slow_door
        await door.exhaust(path)
        first, second = door.asking(path), door.asking(path)
        await settle()
        first.cancel()
        await settle()
        third = door.asking(path)
        await settle()
        assert not third.done()
        door.served.health.phase = Phase.STOPPING
        assert [answer.status for answer in await asyncio.gather(second, third)] == [429] * 2
