"""The commands we use, typed and bounded in time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Protocol

import structlog
from coredis.exceptions import NoScriptError, RedisError

from unkey_api.infra.redis.reconnecting import ReconnectingConnection, RedisTimeout, RedisUnavailable


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the SHA-1 Redis knows it by."""

    name: str
    source: bytes
    sha: bytes


def load_script(name: str) -> Script:
    """Read `scripts/<name>.lua`.

    Raises:
        FileNotFoundError: There is no such file; raised at import, so a broken package does not start.
    """
    source = resources.files("unkey_api.infra.redis").joinpath("scripts", f"{name}.lua").read_bytes()
    digest = hashlib.sha1(source, usedforsecurity=False).hexdigest()
    return Script(name, source, digest.encode())


INCREMENT_MANY = load_script("increment_many")
CREDIT_TAKE = load_script("credit_take")
CREDIT_OPEN = load_script("credit_open")
CREDIT_FORGET = load_script("credit_forget")


START_TIMEOUT = timedelta(seconds=2)  # how long a start waits for Redis before it goes on without
COMMAND_TIMEOUT = timedelta(seconds=0.3)  # what a request may lose to Redis before it decides without

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Argument = str | bytes | int


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """How to reach Redis."""

    url: str
    command_timeout: timedelta = COMMAND_TIMEOUT
    start_timeout: timedelta = START_TIMEOUT


class CommandObserver(Protocol):
    """Told about every command once it ended. Must be quick and must not raise."""

    def on_command(self, command: str, seconds: float, error: BaseException | None) -> None:
        """Take note. `command` is the command's name without keys and values."""
        ...


class RedisClient:
    """Redis as this service uses it. Every method raises `RedisUnavailable` and nothing else.

    Safe to cancel anywhere: an answer that comes too late is received and discarded in its place.
    """

    def __init__(
        self,
        reconnecting: ReconnectingConnection,
        *,
        command_timeout: timedelta = COMMAND_TIMEOUT,
        observer: CommandObserver | None = None,
    ) -> None:
        self._reconnecting = reconnecting
        self._seconds = command_timeout.total_seconds()
        self._observer = observer
        self.in_flight = 0
        """Commands sent and not yet answered or given up."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection at the moment."""
        return self._reconnecting.connected

    @property
    def command_seconds(self) -> float:
        """How long a command may take, where it is not said otherwise."""
        return self._seconds

    async def get(self, key: str) -> int | None:
        """Return the integer at `key`, None when there is none."""
        return _integer(await self._run(b"GET", key))

    async def get_many(self, keys: Sequence[str], *, seconds: float | None = None) -> list[int | None]:
        """Return the integers at `keys` in order, None for missing ones; `seconds` as for `increment_many`."""
        if not keys:
            return []
        return self._integers(await self._run(b"MGET", *keys, seconds=seconds), len(keys), "MGET")

    async def delete(self, *keys: str) -> None:
        """Remove `keys`; missing ones are fine."""
        if keys:
            await self._run(b"DEL", *keys)

    async def increment_many(
        self, increments: Sequence[tuple[str, int, int]], *, seconds: float | None = None
    ) -> list[int | None]:
        """Add to several keys in one round trip; a new key gets its time to live in the same step.

        Args:
            increments: (key, amount, seconds to live if new).
            seconds: Budget, when it differs from that of the client.

        Returns:
            The new values in order; None where the key cannot be incremented.
        """
        if not increments:
            return []
        arguments: list[Argument] = [key for key, _, _ in increments]
        for _, amount, ttl in increments:
            arguments += (amount, ttl)
        answers = await self._script(INCREMENT_MANY, len(increments), arguments, seconds)
        return self._integers(answers, len(increments), INCREMENT_MANY.name)

    async def get_fields(self, key: str, *fields: str) -> list[int | None]:
        """Return the integers of a hash in the order of `fields`, None for missing ones."""
        return self._integers(await self._run(b"HMGET", key, *fields), len(fields), "HMGET")

    async def run_script(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> list[int | None]:
        """Run a script that answers a list of integers. All of `keys` must lie in one hash slot."""
        answer = await self._script(script, len(keys), [*keys, *arguments], None)
        return self._integers(answer, None, script.name)

    async def ping(self) -> None:
        """Ask for a sign of life."""
        await self._run(b"PING")

    @staticmethod
    def _integers(answers: object, expected: int | None, what: str) -> list[int | None]:
        """Read a list of integers; `expected` is how many there must be, None for any number."""
        if not isinstance(answers, list | tuple):
            raise RedisUnavailable(f"{what}: unexpected answer")
        if expected is not None and len(answers) != expected:
            raise RedisUnavailable(f"{what}: {len(answers)} answers instead of {expected}")
        return [_integer(answer) for answer in answers]

    async def _script(self, script: Script, keys: int, arguments: Sequence[Argument], seconds: float | None) -> object:
        try:
            try:
                return await self._ask(b"EVALSHA", (script.sha, keys, *arguments), seconds)
            except NoScriptError:  # a Redis that restarted has forgotten it; EVAL teaches it again
                return await self._ask(b"EVAL", (script.source, keys, *arguments), seconds)
        except RedisError as error:
            raise RedisUnavailable(f"{script.name}: {error}") from error

    async def _run(self, command: bytes, *arguments: Argument, seconds: float | None = None) -> object:
        try:
            return await self._ask(command, arguments, seconds)
        except RedisError as error:
            raise RedisUnavailable(f"{command.decode()}: {error}") from error

    async def _ask(self, command: bytes, arguments: Sequence[Argument], seconds: float | None) -> object:
        """Send one command, telling the observer if there is one."""
        if self._observer is None:
            return await self._send(command, arguments, seconds)
        now = asyncio.get_running_loop().time
        began = now()
        failure: BaseException | None = None
        try:
            return await self._send(command, arguments, seconds)
        except Exception as error:
            failure = error
            raise
        finally:
            self._observer.on_command(command.decode(), now() - began, failure)

    async def _send(self, command: bytes, arguments: Sequence[Argument], seconds: float | None) -> object:
        """Send one command. Driver errors pass, time-outs are translated."""
        budget = seconds or self._seconds
        connection = self._reconnecting.connection
        heard = connection.statistics.last_byte_received_at
        self.in_flight += 1
        try:
            return await connection.create_request(command, *arguments, decode=False, timeout=budget)
        except TimeoutError as error:
            if heard == connection.statistics.last_byte_received_at:
                self._reconnecting.drop(connection)  # silent for a whole budget: a dead peer looks like this
            raise RedisTimeout(budget) from error
        finally:
            self.in_flight -= 1


def _integer(answer: object) -> int | None:
    """Read an integer answer; None for nil, false and anything that is not a number."""
    if isinstance(answer, bool) or answer is None:
        return None
    if isinstance(answer, int):
        return answer
    if isinstance(answer, bytes | str):
        try:
            return int(answer)
        except ValueError:
            return None
    return None


@asynccontextmanager
async def open_redis(options: RedisOptions, *, observer: CommandObserver | None = None) -> AsyncIterator[RedisClient]:
    """Connect, and disconnect on leaving. Redis being away only delays this by `start_timeout`.

    Raises:
        ValueError: The URL is empty or not one of Redis.
    """
    # coredis writes a traceback for each failed attempt to connect; the connection reports ups and downs itself.
    logging.getLogger("coredis").setLevel(logging.CRITICAL)
    reconnecting = ReconnectingConnection(options.url)
    reconnecting.start()
    try:
        if not await reconnecting.wait_up(options.start_timeout.total_seconds()):
            _log.warning("redis is not reachable, going on without and connecting later")
        yield RedisClient(reconnecting, command_timeout=options.command_timeout, observer=observer)
    finally:
        await reconnecting.close()
