"""A bounded set of connections to one server.

A connection is either idle, lent to exactly one user, or closed. It comes back only when its last answer was read to
the end and no transaction is open; in every other case, cancellation included, it is closed. Connecting happens outside
of any lock, so a server that does not answer delays only those who need a new connection, each by at most
`connect_timeout`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from unkey_api.core.clock import Clock
from unkey_api.infra.mysql.driver import DriverConnection, connect
from unkey_api.infra.mysql.errors import StoreUnavailable
from unkey_api.infra.mysql.ports import MysqlSettings
from unkey_api.settings.addresses.mysql import Dsn


@dataclass(slots=True)
class _Member:
    connection: DriverConnection
    opened_at: float
    used_at: float


class Pool:
    """At most `max_open` connections, handed out most recently used first."""

    def __init__(self, dsn: Dsn, settings: MysqlSettings, *, clock: Clock) -> None:
        self._dsn = dsn
        self._settings = settings
        self._clock = clock
        self._free = asyncio.Semaphore(settings.max_open)
        self._idle: deque[_Member] = deque()
        self._lent = 0
        self._waiting = 0
        self._closed = False

    @property
    def lent(self) -> int:
        """Connections in use or being opened."""
        return self._lent

    @property
    def idle(self) -> int:
        """Connections waiting for use."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Users that wait because all connections are in use."""
        return self._waiting

    @property
    def limit(self) -> int:
        """How many connections there are at most."""
        return self._settings.max_open

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[DriverConnection]:
        """Lend a connection for the block.

        Raises:
            StoreUnavailable: None became free in time, or a new one could not be opened.
        """
        await self._wait_for_place()
        self._lent += 1
        try:
            member = await self._take_idle() or await self._open()
            try:
                yield member.connection
            finally:
                await self._give_back(member)
        finally:
            self._lent -= 1
            self._free.release()

    async def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back. May be called twice."""
        self._closed = True
        idle = list(self._idle)
        self._idle.clear()
        await asyncio.gather(*(member.connection.quit(wait=True) for member in idle))

    async def _wait_for_place(self) -> None:
        if self._closed:
            raise StoreUnavailable("the connection pool is closed")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.acquire_timeout.total_seconds()):
                await self._free.acquire()
        except TimeoutError as err:
            raise StoreUnavailable(f"all {self._settings.max_open} connections are in use") from err
        finally:
            self._waiting -= 1

    async def _take_idle(self) -> _Member | None:
        while self._idle:
            member = self._idle.pop()
            if not self._expired(member):
                return member
            await member.connection.quit()
        return None

    def _expired(self, member: _Member) -> bool:
        now = self._clock.monotonic()
        return (
            member.connection.stale
            or now - member.opened_at > self._settings.max_lifetime.total_seconds()
            or now - member.used_at > self._settings.max_idle_time.total_seconds()
        )

    async def _open(self) -> _Member:
        budget = self._settings.connect_timeout.total_seconds()
        try:
            async with asyncio.timeout(budget):
                connection = await connect(self._dsn, statement_timeout=self._settings.statement_timeout)
        except TimeoutError as err:
            raise StoreUnavailable(f"no connection within {budget} s", errno=2003, transient=True) from err
        now = self._clock.monotonic()
        return _Member(connection, opened_at=now, used_at=now)

    async def _give_back(self, member: _Member) -> None:
        connection = member.connection
        if connection.closed:
            return
        if connection.in_transaction:
            connection.close()
        elif self._closed or len(self._idle) >= self._settings.max_idle:
            await connection.quit()
        else:
            member.used_at = self._clock.monotonic()
            self._idle.append(member)
            await self._prune()

    async def _prune(self) -> None:
        """Close those at the cold end that were not used for too long; the warm end is checked when it is taken."""
        # Others lend and give back while a farewell is under way, so look again before each.
        while len(self._idle) > 1 and self._expired(self._idle[0]):
            await self._idle.popleft().connection.quit()
