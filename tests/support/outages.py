"""Dependencies of a served process that can be killed, paused and brought back, one process each."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.mysql import install_server, run_sql, settings_for
from tests.support.redis import server_binary
from tests.support.served import VAULT_TOKEN, connection_string, status_of, until
from unkey_api.core.secret import Secret
from unkey_api.dev.ports import free_ports
from unkey_api.dev.vault import Vault
from unkey_api.dev.vault_server import TOKEN_VARIABLE
from unkey_api.infra.clickhouse.address import parse_clickhouse_url
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.infra.clickhouse.migrate import migrate as migrate_clickhouse
from unkey_api.infra.mysql import Dsn
from unkey_api.infra.mysql.migrations import migrate as migrate_mysql

START_SECONDS = 60.0


class Dependency:
    """One server process at a fixed address."""

    def __init__(
        self, command: list[str], log: Path, answers: Callable[[], bool], environment: Mapping[str, str] | None = None
    ) -> None:
        setpriv = shutil.which("setpriv")
        self._command = [*([setpriv, "--pdeathsig", "KILL"] if setpriv else []), *command]
        self._log = log
        self._answers = answers
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it on the data it left and wait until it answers."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self._environment
            )
        process = self._process
        until(lambda: self._answers() or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, self._log.read_text(errors="replace")[-3000:]

    def kill(self) -> None:
        """End it without any farewell. Safe to repeat."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Have it say nothing from now on; its connections stay open and the kernel goes on accepting more."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Everything a service depends on, for one module of tests."""

    mysql: Dependency
    redis: Dependency
    clickhouse: Dependency
    vault: Dependency
    database: Dsn
    redis_url: str
    clickhouse_url: str
    vault_address: Vault

    @property
    def connection_string(self) -> str:
        """The database, as configuration text."""
        return connection_string(self.database)

    def all(self) -> tuple[Dependency, ...]:
        """Return every one."""
        return (self.mysql, self.redis, self.clickhouse, self.vault)


@asynccontextmanager
async def dependencies(folder: Path) -> AsyncIterator[Dependencies]:
    """Run all of them, tables in place, until the block ends."""
    redis_port, clickhouse_port, vault_port = free_ports(3)
    mysql, command = install_server(folder)
    database = mysql.tcp_dsn("unkey")
    url = f"http://default@127.0.0.1:{clickhouse_port}/default"
    valkey = [server_binary(), "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    bridge = [sys.executable, "-m", "unkey_api.dev.clickhouse_bridge", "--data", str(folder / "ch")]
    keeper = [sys.executable, "-m", "unkey_api.dev.vault_server", "--key", str(folder / "master.key")]
    running = Dependencies(
        mysql=Dependency(command, folder / "mysql.log", _greets(mysql.port), {"TMPDIR": str(folder / "tmp")}),
        redis=Dependency(valkey, folder / "redis.log", _accepts(redis_port)),
        clickhouse=Dependency(
            [*bridge, "--port", str(clickhouse_port)], folder / "ch.log", _says_ok(clickhouse_port, "/ping")
        ),
        vault=Dependency(
            [*keeper, "--port", str(vault_port)],
            folder / "vault.log",
            _says_ok(vault_port, "/health/ready"),
            {TOKEN_VARIABLE: VAULT_TOKEN},
        ),
        database=database,
        redis_url=f"redis://127.0.0.1:{redis_port}",
        clickhouse_url=url,
        vault_address=Vault(vault_port, Secret(VAULT_TOKEN)),
    )
    try:
        for each in running.all():
            each.start()
        await run_sql(mysql.tcp_dsn(), "CREATE DATABASE unkey")
        await migrate_mysql(settings_for(database))
        async with open_clickhouse(parse_clickhouse_url(url)) as client:
            await migrate_clickhouse(client)
        yield running
    finally:
        for each in running.all():
            each.kill()


@contextmanager
def killed(dependency: Dependency) -> Iterator[None]:
    """Kill it for the time of the block."""
    dependency.kill()
    try:
        yield
    finally:
        dependency.start()


@contextmanager
def paused(dependency: Dependency) -> Iterator[None]:
    """Pause it for the time of the block."""
    dependency.pause()
    try:
        yield
    finally:
        dependency.resume()


def _accepts(port: int) -> Callable[[], bool]:
    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return answers


def _greets(port: int) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
                return len(probe.recv(5)) == 5
        except OSError:
            return False

    return answers


def _says_ok(port: int, path: str) -> Callable[[], bool]:
    return lambda: status_of(f"http://127.0.0.1:{port}{path}") == 200
