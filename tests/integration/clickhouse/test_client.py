"""The ClickHouse client and the bridge behind it: answers, errors, cancellation."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import aiohttp
import pytest

from unkey_api.dev.ports import free_ports
from unkey_api.dev.servers import ClickHouse
from unkey_api.infra.clickhouse.client import (
    PORTION_BYTES,
    ClickHouseClient,
    ClickHousePolicy,
    ClickHouseRefused,
    ClickHouseUnavailable,
    open_clickhouse,
)
from unkey_api.settings.addresses.clickhouse import ClickHouseAddress, parse_clickhouse_url

pytestmark = pytest.mark.integration


async def test_values_come_back_as_json_values(clickhouse_client: ClickHouseClient) -> None:
    rows = await clickhouse_client.fetch(
        "SELECT 9007199254740993 AS big, 1.5 AS float, 'é\\n' AS text, ['a'] AS list, true AS yes, NULL AS nothing"
    )
    assert rows == [{"big": 9007199254740993, "float": 1.5, "text": "é\n", "list": ["a"], "yes": True, "nothing": None}]


async def test_no_rows_are_an_empty_list(clickhouse_client: ClickHouseClient) -> None:
    assert await clickhouse_client.fetch("SELECT 1 AS one WHERE 0") == []


@pytest.mark.parametrize(
    ("query", "number"),
    [("SELECT * FROM nowhere", 60), ("SELECT nothing", 47), ("SELECT (1", 62), ("SELECT throwIf(1)", 395)],
)
async def test_refusals_carry_the_servers_number(clickhouse_client: ClickHouseClient, query: str, number: int) -> None:
    with pytest.raises(ClickHouseRefused) as caught:
        await clickhouse_client.fetch(query)
    assert caught.value.number == number


async def test_the_data_of_an_insert_arrives_whole_however_many_portions_it_takes(
    clickhouse_client: ClickHouseClient,
) -> None:
    await clickhouse_client.execute("CREATE TABLE IF NOT EXISTS portions (n UInt64, text String) ENGINE = Memory")
    pieces = [b'[%d,"%b"]\n' % (number, b"x" * (PORTION_BYTES // 3)) for number in range(10)]
    await clickhouse_client.insert("INSERT INTO portions FORMAT JSONCompactEachRow", pieces)
    rows = await clickhouse_client.fetch("SELECT n, length(text) AS length FROM portions ORDER BY n")
    assert rows == [{"n": number, "length": PORTION_BYTES // 3} for number in range(10)]
    await clickhouse_client.execute("DROP TABLE portions")


async def test_settings_hold_for_one_query_only(clickhouse_client: ClickHouseClient) -> None:
    query = "SELECT toUInt64(getSetting('max_result_rows')) AS rows"
    assert await clickhouse_client.fetch(query, settings={"max_result_rows": 7}) == [{"rows": 7}]
    assert await clickhouse_client.fetch(query) == [{"rows": 0}]
    with pytest.raises(ClickHouseRefused) as caught:
        await clickhouse_client.fetch("SELECT number FROM numbers(10)", settings={"max_result_rows": 7})
    assert caught.value.number == 396


async def test_a_server_that_is_away_is_unavailable() -> None:
    address = parse_clickhouse_url(f"http://127.0.0.1:{free_ports(1)[0]}")
    async with open_clickhouse(address) as client:
        with pytest.raises(ClickHouseUnavailable):
            await client.fetch("SELECT 1 AS one")


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client hangs up
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    policy = ClickHousePolicy(statement_timeout=timedelta(milliseconds=50))
    async with server, open_clickhouse(parse_clickhouse_url(f"http://127.0.0.1:{port}"), policy=policy) as client:
        with pytest.raises(ClickHouseUnavailable):
            await client.insert("INSERT INTO t (a) FORMAT JSONCompactEachRow", [b"[1]\n"])


class TestPing:
    async def test_it_waits_longer_each_time(self) -> None:
        waits: list[float] = []

        async def pause(seconds: float) -> None:
            waits.append(seconds)

        address = parse_clickhouse_url(f"http://127.0.0.1:{free_ports(1)[0]}")
        async with open_clickhouse(address, pause=pause) as client:
            with pytest.raises(ClickHouseUnavailable):
                await client.ping(attempts=4)
        assert waits == [1, 2, 3]

    async def test_it_returns_with_the_first_answer(self, clickhouse_client: ClickHouseClient) -> None:
        await clickhouse_client.ping(attempts=1)

    async def test_a_wrong_login_is_not_tried_again(self) -> None:
        tries = 0

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal tries
            tries += 1
            await reader.readuntil(b"\r\n\r\n")
            text = b"Code: 516. DB::Exception: default: Authentication failed. (AUTHENTICATION_FAILED)"
            writer.write(
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)
            )
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, open_clickhouse(parse_clickhouse_url(f"http://127.0.0.1:{port}")) as client:
            with pytest.raises(ClickHouseRefused):
                await client.ping(attempts=10)
        assert tries == 1


async def test_a_storm_of_cancellations_never_mixes_up_answers(clickhouse_address: ClickHouseAddress) -> None:
    """Every answer carries the nonce of its own question, however many neighbours were cancelled on few connections."""
    policy = ClickHousePolicy(connections=4)
    async with open_clickhouse(clickhouse_address, policy=policy) as client:

        async def ask(number: int) -> bool:
            nonce = uuid.uuid4().hex
            task = asyncio.ensure_future(client.fetch(f"SELECT '{nonce}' AS nonce, sleep(0.002)"))
            if number % 3 == 0:
                for _ in range(number % 40):
                    await asyncio.sleep(0)
                task.cancel()
            try:
                rows = await task
            except asyncio.CancelledError:
                return True
            assert rows[0]["nonce"] == nonce
            return False

        cancelled = await asyncio.gather(*(ask(number) for number in range(150)))
    assert sum(cancelled) >= 25


class TestBridge:
    """What other drivers and curl see."""

    @pytest.fixture
    def url(self, clickhouse_server: ClickHouse) -> str:
        return f"http://127.0.0.1:{clickhouse_server.port}/"

    async def test_ping(self, url: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{url}ping") as answer:
            assert (answer.status, await answer.text()) == (200, "Ok.\n")

    async def test_the_statement_may_be_in_the_body_or_in_the_url(self, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.post(url, data="SELECT 1") as answer:
                assert await answer.text() == "1\n"
            async with session.get(url, params={"query": "SELECT 2 FORMAT CSV"}) as answer:
                assert await answer.text() == "2\n"

    async def test_query_parameters(self, url: str) -> None:
        params = {"query": "SELECT {word:String}", "param_word": "it's"}
        async with aiohttp.ClientSession() as session, session.get(url, params=params) as answer:
            assert await answer.text() == "it\\'s\n"

    @pytest.mark.parametrize(
        ("query", "status", "number"), [("SELECT * FROM nowhere", 404, 60), ("SELECT (1", 400, 62)]
    )
    async def test_errors_have_text_number_and_status(self, url: str, query: str, status: int, number: int) -> None:
        async with aiohttp.ClientSession() as session, session.post(url, data=query) as answer:
            assert answer.status == status
            assert (await answer.text()).startswith("Code: ")
            assert answer.headers["X-ClickHouse-Exception-Code"] == str(number)

    async def test_get_cannot_change_anything(self, url: str) -> None:
        params = {"query": "CREATE TABLE forbidden (a Int8) ENGINE = Memory"}
        async with aiohttp.ClientSession() as session, session.get(url, params=params) as answer:
            assert answer.status == 403
            assert "(READONLY)" in await answer.text()

    async def test_an_unknown_setting_is_refused(self, url: str) -> None:
        params = {"query": "SELECT 1", "no_such_setting": "1"}
        async with aiohttp.ClientSession() as session, session.post(url, params=params) as answer:
            assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (404, "115")

    async def test_a_setting_cannot_smuggle_in_a_statement(self, url: str) -> None:
        params = {"query": "SELECT 1", "max_threads = 1; DROP TABLE ratelimits_raw_v2; --": "1"}
        async with aiohttp.ClientSession() as session, session.post(url, params=params) as answer:
            assert answer.headers["X-ClickHouse-Exception-Code"] == "115"

    async def test_binary_formats_pass_unchanged(self, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            await session.post(url, data="CREATE TABLE bytes (a String) ENGINE = Memory")
            params = {"query": "INSERT INTO bytes FORMAT RowBinary"}
            async with session.post(url, params=params, data=b"\x03\xff\x00\xfe") as answer:
                assert answer.status == 200, await answer.text()
            async with session.post(url, data="SELECT hex(a) FROM bytes") as answer:
                assert await answer.text() == "FF00FE\n"
            await session.post(url, data="DROP TABLE bytes")
