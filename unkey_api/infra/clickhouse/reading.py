"""Queries of other people's: each with its own login, bounded in time, bytes and number, and nothing sent besides.

Such a login is read-only and counts its queries, so a setting in the URL would be refused, and every question a client
library asks on connecting would be taken from its quota. One exchange is one query.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle

import aiohttp

from unkey_api.core.secret import Secret
from unkey_api.infra.clickhouse.client import ClickHouseRefused, ClickHouseUnavailable
from unkey_api.settings.addresses.clickhouse import ClickHouseAddress

FORMAT = "JSONCompactEachRowWithNamesAndTypes"
ERROR_BYTES = 65_536  # of an error's text
TAIL_BYTES = 16_384  # where an error stands that came after the status line
_LATE_ERROR = re.compile(rb"(?:^|\n)(?:__exception__\s*)?(Code: \d+\. DB::Exception.*)", re.DOTALL)
CONNECT_TIMEOUT = timedelta(seconds=5)
CONNECTION_AGE = timedelta(seconds=30)
"""How long a connection is kept without use."""
UNREACHABLE = "We could not reach the analytics database."


class AnswerTooLarge(Exception):
    """The answer has more bytes than were asked for. Reading stopped there."""


class AnswerTooLate(Exception):
    """The answer was not complete in time."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks."""

    user: str
    password: Secret


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back: lines of JSON, the first with names, the second with types."""

    lines: bytes
    time_zone: str
    """The server's, which columns without one of their own are in; empty when it did not say."""


class QueryReader:
    """Asks. Safe to share between tasks."""

    def __init__(self, session: aiohttp.ClientSession, address: ClickHouseAddress) -> None:
        self._session = session
        self._database = address.database
        self._hosts = len(address.urls)
        self._urls = cycle(address.urls)

    async def read(self, query: str, login: Login, *, within: timedelta, most_bytes: int) -> RawAnswer:
        """Run a SELECT without a FORMAT clause.

        Args:
            query: One statement.
            login: Whose rights, limits and quota apply.
            within: Time until the last byte, connecting included. The server is told to give up five seconds later.
            most_bytes: Size of the answer.

        Raises:
            AnswerTooLarge: There are more than `most_bytes`.
            AnswerTooLate: `within` is over.
            ClickHouseRefused: The server rejected the query, the login, or gave up.
            ClickHouseUnavailable: No server answered, or the answer broke off.
        """
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await self._read(query, login, seconds=int(within.total_seconds()) + 5, most_bytes=most_bytes)
        except TimeoutError as error:
            raise AnswerTooLate from error

    async def _read(self, query: str, login: Login, *, seconds: int, most_bytes: int) -> RawAnswer:
        # Once for each server, and once more: a connection that was kept may have been closed meanwhile.
        for attempts_left in range(self._hosts, -1, -1):
            try:
                return await self._read_from(next(self._urls), query, login, seconds=seconds, most_bytes=most_bytes)
            except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError) as error:
                if not attempts_left:
                    raise ClickHouseUnavailable(UNREACHABLE, internal=f"clickhouse: {error!r}") from error
            except (aiohttp.ClientError, OSError) as error:
                raise ClickHouseUnavailable(UNREACHABLE, internal=f"clickhouse: {error!r}") from error
        raise AssertionError("an address has at least one server")

    async def _read_from(self, url: str, query: str, login: Login, *, seconds: int, most_bytes: int) -> RawAnswer:
        parameters = {
            "database": self._database,
            "default_format": FORMAT,
            "max_execution_time": str(seconds),
            "wait_end_of_query": "1",
        }
        headers = {"X-ClickHouse-User": login.user, "X-ClickHouse-Key": login.password.reveal()}
        async with self._session.post(
            url, params=parameters, headers=headers, data=query.encode(), allow_redirects=False
        ) as response:
            if response.status != 200:
                raise _refusal((await response.content.read(ERROR_BYTES)).decode("utf-8", "replace"), response.status)
            lines = await _bounded(response.content, most_bytes)
            zone = response.headers.get("X-ClickHouse-Timezone", "")
        late = _LATE_ERROR.search(lines[-TAIL_BYTES:])
        if late:
            raise ClickHouseRefused(late[1].decode("utf-8", "replace"))
        return RawAnswer(lines, zone)


def _refusal(text: str, status: int) -> ClickHouseRefused | ClickHouseUnavailable:
    """Return the error for an answer that is none. Without ClickHouse's number it is that of something in between."""
    refused = ClickHouseRefused(text)
    if refused.number:
        return refused
    return ClickHouseUnavailable(UNREACHABLE, internal=f"clickhouse: HTTP {status}: {text[:200]}")


async def _bounded(content: aiohttp.StreamReader, most_bytes: int) -> bytes:
    found = bytearray()
    async for chunk in content.iter_any():
        found += chunk
        if len(found) > most_bytes:
            raise AnswerTooLarge
    return bytes(found)


@asynccontextmanager
async def open_query_reader(address: ClickHouseAddress) -> AsyncIterator[QueryReader]:
    """Open a reader; it connects with the first query. The standard proxy variables are honoured."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=CONNECTION_AGE.total_seconds())
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT.total_seconds())
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True) as session:
        yield QueryReader(session, address)
