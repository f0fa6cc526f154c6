"""A ClickHouse that is away, slow, full, wrong about passwords, or not a ClickHouse at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.asking import Asking
from unkey_api.areas.analytics.errors import (
    AnalyticsUnavailable,
    InvalidQuery,
    QuotaExceeded,
    TooMuchMemory,
)
from unkey_api.areas.analytics.service.ask import Ask
from unkey_api.areas.analytics.service.connections import QUERIES_AT_ONCE, Connections, analytics_caches
from unkey_api.areas.analytics.tables import VERIFICATIONS
from unkey_api.areas.analytics.types import Rows
from unkey_api.core.errors import AppError
from unkey_api.core.secret import Secret
from unkey_api.dev.ports import free_ports
from unkey_api.infra.clickhouse.client import ClickHouseRefused, ClickHouseUnavailable
from unkey_api.infra.clickhouse.reading import AnswerTooLarge, AnswerTooLate, Login, QueryReader, open_query_reader
from unkey_api.infra.mysql import Statement
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.settings.addresses.clickhouse import ClickHouseAddress

pytestmark = pytest.mark.integration

QUERY = "SELECT key_id FROM key_verifications_v1"
LOGIN = Login("ws_1", Secret("secret"))
GOOD = b'["key_id"]\n["String"]\n["key_1"]\n'
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]
WITHIN = timedelta(seconds=20)


@asynccontextmanager
async def impostor(answer: Answering) -> AsyncIterator[ClickHouseAddress]:
    """Serve on a port of its own."""
    app = web.Application()
    app.router.add_post("/", answer)
    async with TestServer(app) as server:
        yield ClickHouseAddress(urls=(str(server.make_url("/")),))


def says(body: bytes, *, status: int = 200) -> Answering:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    return answer


@asynccontextmanager
async def working(asking: Asking, reader: QueryReader) -> AsyncIterator[Callable[[str], Coroutine[None, None, Rows]]]:
    """Give the use case on a reader: it asks the query for a workspace."""
    refreshes, clock = BackgroundJobs("test.refreshes"), asking.api.clock
    connections = Connections(
        analytics_caches(clock=clock, refreshes=refreshes), asking.api.database.reads_of, asking.vault, reader
    )
    use_case = Ask(connections, clock=clock)

    async def run(workspace_id: str) -> Rows:
        return await use_case.of_workspace(workspace_id, VERIFICATIONS, (), QUERY, big_as_text=False)

    yield run
    await refreshes.close()


async def ask(asking: Asking, address: ClickHouseAddress, *, workspace_id: str = "") -> Rows:
    workspace_id = workspace_id or (await asking.caller()).workspace_id
    async with open_query_reader(address) as reader, working(asking, reader) as use_case:
        return await use_case(workspace_id)


class TestAnswers:
    async def test_a_good_one(self, asking: Asking) -> None:
        async with impostor(says(GOOD)) as address:
            assert (await ask(asking, address)).as_json() == b'[{"key_id":"key_1"}]'

    @pytest.mark.parametrize(
        ("body", "status", "kind"),
        [
            (b"Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)", 500, TooMuchMemory),
            (b"Code: 201. DB::Exception: Quota for user exceeded. (QUOTA_EXCEEDED)", 500, QuotaExceeded),
            (b"Code: 47. DB::Exception: Unknown identifier. (UNKNOWN_IDENTIFIER)", 404, InvalidQuery),
            (GOOD + b"Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)", 200, TooMuchMemory),
            (b"<html>It works!</html>", 200, AnalyticsUnavailable),
            (b"", 200, AnalyticsUnavailable),
            (b"<html>502 Bad Gateway</html>", 502, AnalyticsUnavailable),
            (b"", 302, AnalyticsUnavailable),
            (b"\xff\xfe\x00", 200, AnalyticsUnavailable),
            (b"Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)", 403, AnalyticsUnavailable),
        ],
    )
    async def test_each_bad_one_has_its_error(
        self, asking: Asking, body: bytes, status: int, kind: type[AppError]
    ) -> None:
        async with impostor(says(body, status=status)) as address:
            with pytest.raises(kind) as caught:
                await ask(asking, address)
        assert "DB::Exception" not in caught.value.public

    async def test_nobody_there(self, asking: Asking) -> None:
        port = free_ports(1)[0]
        with pytest.raises(AnalyticsUnavailable):
            await ask(asking, ClickHouseAddress(urls=(f"http://127.0.0.1:{port}/",)))

    async def test_another_server_takes_over(self, asking: Asking) -> None:
        dead = f"http://127.0.0.1:{free_ports(1)[0]}/"
        async with impostor(says(GOOD)) as address:
            for urls in ((dead, *address.urls), (*address.urls, dead)):
                assert (await ask(asking, ClickHouseAddress(urls=urls))).rows

    async def test_a_kept_connection_that_was_closed_is_no_failure(self, asking: Asking) -> None:
        asked = 0

        async def once(request: web.Request) -> web.Response:
            nonlocal asked
            asked += 1
            if asked == 2:
                assert request.transport is not None
                request.transport.close()
            return web.Response(body=GOOD)

        workspace_id = (await asking.caller()).workspace_id
        async with impostor(once) as address, open_query_reader(address) as reader, working(asking, reader) as use_case:
            assert (await use_case(workspace_id)).rows
            assert (await use_case(workspace_id)).rows
        assert asked == 3

    async def test_nothing_is_sent_but_what_a_read_only_login_may_send(self, asking: Asking) -> None:
        """With `readonly = 1` any setting is refused, and every further query would be taken from the quota."""
        seen: list[web.Request] = []

        async def answer(request: web.Request) -> web.Response:
            seen.append(request)
            assert (await request.text()).startswith("SELECT `key_id` FROM (SELECT * FROM `default`.")
            return web.Response(body=GOOD)

        workspace_id = (await asking.caller()).workspace_id
        async with impostor(answer) as address:
            await ask(asking, address, workspace_id=workspace_id)

        assert len(seen) == 1
        assert set(seen[0].query) == {"database", "default_format", "max_execution_time", "wait_end_of_query"}
        assert seen[0].query["max_execution_time"] == "15"
        assert seen[0].headers["X-ClickHouse-User"] == workspace_id
        assert seen[0].headers["X-ClickHouse-Key"] == "secret"


class TestRotation:
    async def test_a_password_that_changed_is_read_again(self, asking: Asking) -> None:
        workspace_id = (await asking.caller()).workspace_id
        valid = ["secret"]

        async def answer(request: web.Request) -> web.Response:
            if request.headers["X-ClickHouse-Key"] == valid[0]:
                return web.Response(body=GOOD)
            return web.Response(body=b"Code: 516. DB::Exception: Authentication failed.", status=403)

        async with (
            impostor(answer) as address,
            open_query_reader(address) as reader,
            working(asking, reader) as use_case,
        ):
            assert (await use_case(workspace_id)).rows
            valid[0] = "fresh"
            encrypted = (await asking.vault.encrypt(workspace_id, Secret("fresh"))).encrypted
            sql = "UPDATE clickhouse_workspace_settings SET password_encrypted = %(p)s WHERE workspace_id = %(w)s"
            await asking.api.database.primary.execute(
                Statement("test_rotate", sql), {"p": encrypted, "w": workspace_id}
            )
            assert (await use_case(workspace_id)).rows


class TestBounds:
    async def test_reading_stops_where_the_answer_is_too_large(self) -> None:
        sent = 0

        async def endless(request: web.Request) -> web.StreamResponse:
            nonlocal sent
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"x" * 65_536)
                sent += 65_536

        async with impostor(endless) as address, open_query_reader(address) as reader:
            with pytest.raises(AnswerTooLarge):
                await reader.read(QUERY, LOGIN, within=WITHIN, most_bytes=1_000_000)
        assert sent < 100_000_000

    async def test_silence_ends(self) -> None:
        async def silent(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        async with impostor(silent) as address, open_query_reader(address) as reader:
            with pytest.raises(AnswerTooLate):
                await reader.read(QUERY, LOGIN, within=timedelta(milliseconds=100), most_bytes=1_000)

    async def test_an_answer_that_breaks_off_is_no_answer(self) -> None:
        async def broken(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(GOOD)
            assert request.transport is not None
            request.transport.close()
            return response

        async with impostor(broken) as address, open_query_reader(address) as reader:
            with pytest.raises((ClickHouseUnavailable, ClickHouseRefused)) as caught:
                await reader.read(QUERY, LOGIN, within=WITHIN, most_bytes=1_000)
        assert type(caught.value) is ClickHouseUnavailable

    async def test_one_workspace_asks_so_many_times_at_once(self, asking: Asking) -> None:
        """The others are served meanwhile."""
        greedy, modest = (await asking.caller()).workspace_id, (await asking.caller()).workspace_id
        arrived, full, go = 0, asyncio.Event(), asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            nonlocal arrived
            if request.headers["X-ClickHouse-User"] == greedy:
                arrived += 1
                if arrived == QUERIES_AT_ONCE:
                    full.set()
                await go.wait()
            return web.Response(body=GOOD)

        async with (
            impostor(answer) as address,
            open_query_reader(address) as reader,
            working(asking, reader) as use_case,
            asyncio.TaskGroup() as tasks,
        ):
            for _ in range(QUERIES_AT_ONCE + 5):
                tasks.create_task(use_case(greedy))
            await full.wait()
            assert (await use_case(modest)).rows
            assert arrived == QUERIES_AT_ONCE
            go.set()
