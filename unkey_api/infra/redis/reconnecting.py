"""One connection to Redis that comes back by itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from coredis.connection import BaseConnection, TCPConnection, TCPLocation
from coredis.exceptions import RedisError
from coredis.pool import ConnectionPool

from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.resilience.breaker import DependencyTimeout, NotAttempted
from unkey_api.settings.addresses.redis import RedisAddress, parse_redis_url


class RedisUnavailable(ServiceUnavailable):
    """No connection, a broken one, or an answer that refuses the command."""

    def __init__(self, internal: str) -> None:
        ServiceUnavailable.__init__(self, "The counter store is unavailable. Please try again.", internal=internal)


class RedisTimeout(RedisUnavailable, DependencyTimeout):
    """No answer within the budget. The command may have been executed."""

    def __init__(self, seconds: float) -> None:
        RedisUnavailable.__init__(self, f"redis gave no answer within {seconds:.3f} s")


class RedisNotConnected(RedisUnavailable, NotAttempted):
    """There is no connection; nothing was sent."""

    def __init__(self) -> None:
        RedisUnavailable.__init__(self, "not connected")


CONNECT_SECONDS = 1.0
CANCEL_SECONDS = 0.1  # between attempts to end it
RETRY_FIRST_SECONDS = 0.05
RETRY_MOST_SECONDS = 1.0  # a Redis that comes back is used again within about a second

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def redis_tls_context(address: RedisAddress) -> ssl.SSLContext | None:
    """Return how the connection is encrypted, None for not at all. Raises OSError for files that cannot be used."""
    tls = address.tls
    if tls is None:
        return None
    folder = Path(tls.ca_certs).is_dir() if tls.ca_certs else False
    context = ssl.create_default_context(
        cafile=None if folder else tls.ca_certs or None, capath=tls.ca_certs if folder else None
    )
    context.check_hostname = tls.check_hostname
    context.verify_mode = ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file, password=_no_password)
    return context


def _no_password() -> str:
    """Without this an encrypted key would make the process ask the terminal and wait."""
    raise ValueError("the key is encrypted; only keys without a password can be used")


def _pool_of(address: RedisAddress) -> ConnectionPool[Any]:  # Any: the kind of connection depends on the location
    """Have coredis prepare connections to an address. The pool is never entered."""
    return ConnectionPool(
        connection_class=TCPConnection,
        location=TCPLocation(host=address.host, port=address.port),
        username=address.user or None,
        password=address.password or None,
        db=address.database,
        ssl_context=redis_tls_context(address),
        connect_timeout=CONNECT_SECONDS,
        stream_timeout=CONNECT_SECONDS,
    )


class _Started:
    """What coredis calls once its handshake is done."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action

    def started(self, _value: object = None) -> None:
        self._action()


class ReconnectingConnection:
    """Keeps one connection up and hands it out while it is usable.

    Commands of many callers share the connection: each queued command owns its slot in the order of answers, so a
    caller that is cancelled leaves a slot that its own late answer fills, and nobody else can receive it. coredis' pool
    is not used to lease connections, because a caller cancelled while the pool connects takes that place of the pool
    with it for good.
    """

    def __init__(self, url: str) -> None:
        """Parse `url`; nothing is opened yet.

        Raises:
            AddressError: `url` is no Redis URL.
            OSError: A certificate, key or authority file it names cannot be used.
        """
        address = parse_redis_url(url)
        self._parsed = _pool_of(address)
        self._location = TCPLocation(host=address.host, port=address.port)
        self._connection: BaseConnection | None = None
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._wait = RETRY_FIRST_SECONDS
        self._closing = False

    def start(self) -> None:
        """Begin connecting. The task ends with `close`."""
        self._task = asyncio.get_running_loop().create_task(self._keep_up(), name="redis.connection")

    async def wait_up(self, seconds: float) -> bool:
        """Return True once connected, False when that took longer."""
        try:
            async with asyncio.timeout(seconds):
                await self._up.wait()
        except TimeoutError:
            return False
        return True

    @property
    def connected(self) -> bool:
        """Whether commands can be sent."""
        return self._connection is not None and self._connection.usable

    @property
    def connection(self) -> BaseConnection:
        """The live connection.

        Raises:
            RedisNotConnected: There is none at the moment.
        """
        connection = self._connection
        if connection is None or not connection.usable:
            raise RedisNotConnected
        return connection

    def drop(self, connection: BaseConnection) -> None:
        """Give up a connection that stopped answering; a new one is made at once."""
        if connection is self._connection:
            self._connection = None
            self._up.clear()
        connection.invalidate("stopped answering")

    async def close(self) -> None:
        """Disconnect and stop. Safe to repeat."""
        self._closing = True
        while self._task is not None and not self._task.done():
            # Again and again: coredis turns a cancellation of its handshake into an error of its own.
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=CANCEL_SECONDS)
        self._connection = None
        self._up.clear()

    async def _keep_up(self) -> None:
        while not self._closing:
            if await self._reachable():
                await self._run_connection()
            await asyncio.sleep(self._wait)
            self._wait = min(self._wait * 2, RETRY_MOST_SECONDS)

    async def _reachable(self) -> bool:
        """Knock first: a coredis connection that cannot connect leaves its queues unclosed."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return bool(await self._location.check())
        except (OSError, TimeoutError):
            return False

    async def _run_connection(self) -> None:
        pool = self._parsed
        connection: BaseConnection = pool.connection_class(self._location, **pool.connection_kwargs)
        try:
            await connection.run(task_status=_Started(partial(self._came_up, connection)))
        except RedisError as error:
            _log.warning("redis connection attempt failed", error=str(error))
        if self._connection is connection:
            self._connection = None
            self._up.clear()
            _log.warning("redis connection lost")

    def _came_up(self, connection: BaseConnection) -> None:
        self._connection = connection
        self._wait = RETRY_FIRST_SECONDS
        self._up.set()
        _log.info("redis connected", location=str(self._location))
