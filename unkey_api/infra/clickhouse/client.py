"""One typed door to ClickHouse over HTTP. The untyped driver stays behind it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from typing import TYPE_CHECKING

import aiohttp
import orjson
from aiochclient import ChClient, ChClientError

from unkey_api.core.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unkey_api.settings.addresses.clickhouse import ClickHouseAddress

_CODE = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_AUTHENTICATION = frozenset({192, 193, 194, 492, 497, 516, 517})
_LOGIN = frozenset({192, 193, 194, 516, 517})
_AUTHENTICATION_WORDS = ("authentication", "password", "unauthorized", "access denied")


class ClickHouseUnavailable(ServiceUnavailable):
    """The server could not be reached or did not answer in time. Whether an insert took place is unknown."""


class ClickHouseRefused(Exception):
    """The server answered with an error.

    `number` is ClickHouse's own error number (60: unknown table, 159: timeout, ...), 0 when the answer carries none;
    `name` is its upper-case name, empty when the answer carries none.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        number = _CODE.search(text)
        self.number = int(number.group(1)) if number else 0
        names = _NAME.findall(text)
        self.name: str = names[-1] if names else ""

    @property
    def is_authentication(self) -> bool:
        """Whether the credentials are at fault, so that trying again is pointless."""
        return self.number in _AUTHENTICATION or any(word in self.text.lower() for word in _AUTHENTICATION_WORDS)

    @property
    def is_login_refused(self) -> bool:
        """Whether the user or the password is unknown. By number alone: the text may quote somebody's query."""
        return self.number in _LOGIN


Setting = str | int | float
Pause = Callable[[float], Awaitable[None]]
"""Waits so many seconds; `asyncio.sleep` outside of tests."""

PORTION_BYTES = 128 * 1024  # sent in a fraction of a millisecond, and enough to make its overhead small
PUBLIC_SENTENCE = "We could not reach the analytics database."
_NUMBERS_STAY_NUMBERS = {"output_format_json_quote_64bit_integers": 0}
# An error half-way through a result would otherwise arrive as text after a 200.
_WHOLE_ANSWERS = {"wait_end_of_query": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickHousePolicy:
    """Limits of the connection pool and of single statements."""

    connections: int = 50
    connect_timeout: timedelta = timedelta(seconds=5)
    statement_timeout: timedelta = timedelta(seconds=30)
    """For one statement or one attempt to insert a batch, from waiting for a connection to the last byte."""
    ping_attempts: int = 10
    """Tries at start; n seconds pass after the n-th."""


class ClickHouseClient:
    """Run statements. Safe to share between tasks; every call is an HTTP exchange of its own."""

    def __init__(self, session: aiohttp.ClientSession, address: ClickHouseAddress, *, pause: Pause) -> None:
        self._session = session
        self._address = address
        self._urls = cycle(address.urls)
        self._pause = pause

    @property
    def database(self) -> str:
        """The database that unqualified table names mean."""
        return self._address.database

    async def execute(self, statement: str, *, settings: Mapping[str, Setting] | None = None) -> None:
        """Run a statement without a result.

        Raises:
            ClickHouseRefused: The server rejected it.
            ClickHouseUnavailable: No answer; the statement may or may not have run.
        """
        with _translated():
            await self._driver(settings).execute(statement)

    async def fetch(
        self,
        query: str,
        *,
        settings: Mapping[str, Setting] | None = None,
        address: ClickHouseAddress | None = None,
    ) -> list[dict[str, object]]:
        """Run a SELECT and return its rows as JSON values by column name, 64-bit integers as `int`.

        Args:
            query: Without a FORMAT clause.
            settings: Server settings for this query only, for instance `max_execution_time`.
            address: Ask there instead, with that login; the connection pool is shared.

        Raises:
            ClickHouseRefused: The server rejected the query or gave up on it.
            ClickHouseUnavailable: No answer.
        """
        wanted = {**_NUMBERS_STAY_NUMBERS, **_WHOLE_ANSWERS, **(settings or {})}
        with _translated():
            rows: list[dict[str, object]] = await self._driver(wanted, address).fetch(query, json=True)
        return rows

    async def insert(self, statement: str, body: Sequence[bytes]) -> None:
        """Run `INSERT INTO ... FORMAT ...` with `body` as the data, all or nothing.

        The data is sent in portions, as fast as the server reads it, and is never in memory a second time.

        Raises:
            ClickHouseRefused: The server rejected the batch; nothing was written.
            ClickHouseUnavailable: No answer; repeat it with the same deduplication token.
        """
        with _translated():
            await self._driver(None).insert_file(statement, _in_portions(body))

    async def ping(self, *, attempts: int) -> None:
        """Wait until the server answers.

        Raises:
            ClickHouseRefused: It does not accept our login; nothing else was tried.
            ClickHouseUnavailable: It did not answer in `attempts` tries.
        """
        for attempt in range(1, attempts + 1):
            try:
                await self.fetch("SELECT 1 AS one")
            except (ClickHouseRefused, ClickHouseUnavailable) as error:
                if attempt == attempts or (isinstance(error, ClickHouseRefused) and error.is_authentication):
                    raise
                await self._pause(attempt)
            else:
                return

    def _driver(self, settings: Mapping[str, Setting] | None, address: ClickHouseAddress | None = None) -> ChClient:
        """Return the driver for one statement; it is a handful of references around the shared session."""
        target = address or self._address
        url = next(self._urls) if address is None else target.urls[0]
        return ChClient(
            self._session,
            url=url,
            user=target.user or None,
            password=target.password or None,
            database=target.database,
            json=_Json,
            **(settings or {}),
        )


async def _in_portions(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    """Yield `pieces`, some together; requests are served between two portions even when the server reads quickly."""
    portion: list[bytes] = []
    size = 0
    for piece in pieces:
        portion.append(piece)
        size += len(piece)
        if size >= PORTION_BYTES:
            yield b"".join(portion)
            portion, size = [], 0
            await asyncio.sleep(0)
    if portion:
        yield b"".join(portion)


class _Json:
    """What the driver decodes result lines with."""

    loads = staticmethod(orjson.loads)
    dumps = staticmethod(json.dumps)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the driver's and the transport's errors into ours. A cancellation passes through."""
    try:
        yield
    except ChClientError as error:
        raise ClickHouseRefused(str(error)) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ClickHouseUnavailable(PUBLIC_SENTENCE, internal=f"clickhouse: {error!r}") from error


@asynccontextmanager
async def open_clickhouse(
    address: ClickHouseAddress,
    *,
    policy: ClickHousePolicy | None = None,
    pause: Pause = asyncio.sleep,
) -> AsyncIterator[ClickHouseClient]:
    """Open the connection pool; close it on the way out. Connects lazily: use `ping` to learn whether anyone is there.

    The standard proxy variables are honoured, and OpenSSL's for the certificate store.
    """
    limits = policy or ClickHousePolicy()
    timeout = aiohttp.ClientTimeout(
        total=limits.statement_timeout.total_seconds(),
        sock_connect=limits.connect_timeout.total_seconds(),
    )
    connector = aiohttp.TCPConnector(limit=limits.connections)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True) as session:
        yield ClickHouseClient(session, address, pause=pause)
