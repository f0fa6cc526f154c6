"""Dependencies of a served process that can be killed, paused and brought back, one process each."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.mysql import install_server, run_sql, settings_for
from tests.support.redis import server_binary
from tests.support.served import VAULT_TOKEN, connection_string, status_of, until
from unkey_api.core.secret import Secret
from unkey_api.dev.ports import free_ports
from unkey_api.dev.servers import Vault
from unkey_api.dev.vault_server import TOKEN_VARIABLE
from unkey_api.infra.clickhouse.client import open_clickhouse
from unkey_api.infra.clickhouse.migrate import migrate as migrate_clickhouse
from unkey_api.infra.mysql import Dsn
from unkey_api.infra.mysql.migrations import migrate as migrate_mysql
from unkey_api.settings.addresses.clickhouse import parse_clickhouse_url

START_SECONDS = 60.0
SAFE_COMMITS = "--innodb-flush-log-at-trx-commit=2"
"""What was committed survives the death of the process, as it would in production."""


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
    replica: Dependency
    """A MariaDB that replicates from the first."""
    redis: Dependency
    clickhouse: Dependency
    vault: Dependency
    collector: Dependency
    """Takes traces."""
    database: Dsn
    replica_database: Dsn
    redis_url: str
    clickhouse_url: str
    vault_address: Vault
    collector_url: str

    @property
    def connection_string(self) -> str:
        """The database, as configuration text."""
        return connection_string(self.database)

    def all(self) -> tuple[Dependency, ...]:
        """Return every one."""
        return (self.mysql, self.replica, self.redis, self.clickhouse, self.vault, self.collector)


@asynccontextmanager
async def dependencies(folder: Path) -> AsyncIterator[Dependencies]:
    """Run all of them, tables in place, until the block ends."""
    running = _prepared(folder)
    try:
        async with asyncio.TaskGroup() as tasks:
            for each in running.all():
                tasks.create_task(asyncio.to_thread(each.start))
        await _replicate(running)
        await migrate_mysql(settings_for(running.database))
        async with open_clickhouse(parse_clickhouse_url(running.clickhouse_url)) as client:
            await migrate_clickhouse(client)
        yield running
    finally:
        for each in running.all():
            each.kill()


def _prepared(folder: Path) -> Dependencies:
    """Make folders and addresses."""
    redis_port, clickhouse_port, vault_port, collector_port = free_ports(4)
    databases = []
    for number, name in enumerate(("primary", "replica"), start=1):
        (folder / name).mkdir()
        log = ("--log-bin=log", f"--server-id={number}", SAFE_COMMITS)
        databases.append(install_server(folder / name, *log))
    [(primary, primary_command), (replica, replica_command)] = databases
    valkey = [server_binary(), "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    bridge = [sys.executable, "-m", "unkey_api.dev.clickhouse_bridge", "--data", str(folder / "ch")]
    keeper = [sys.executable, "-m", "unkey_api.dev.vault_server", "--key", str(folder / "master.key")]
    taker = [sys.executable, "-m", "tests.support.collector_program", "--port", str(collector_port)]
    return Dependencies(
        mysql=Dependency(primary_command, folder / "mysql.log", _greets(primary.port), _scratch(folder / "primary")),
        replica=Dependency(
            replica_command, folder / "replica.log", _greets(replica.port), _scratch(folder / "replica")
        ),
        redis=Dependency(valkey, folder / "redis.log", _accepts(redis_port)),
        clickhouse=Dependency(
            [*bridge, "--port", str(clickhouse_port)], folder / "ch.log", says_ok(clickhouse_port, "/ping")
        ),
        vault=Dependency(
            [*keeper, "--port", str(vault_port)],
            folder / "vault.log",
            says_ok(vault_port, "/health/ready"),
            {TOKEN_VARIABLE: VAULT_TOKEN},
        ),
        collector=Dependency(taker, folder / "collector.log", says_ok(collector_port, "/count")),
        database=primary.tcp_dsn("unkey"),
        replica_database=replica.tcp_dsn("unkey"),
        redis_url=f"redis://127.0.0.1:{redis_port}",
        clickhouse_url=f"http://default@127.0.0.1:{clickhouse_port}/default",
        vault_address=Vault(vault_port, Secret(VAULT_TOKEN)),
        collector_url=f"http://127.0.0.1:{collector_port}",
    )


def _scratch(folder: Path) -> dict[str, str]:
    """Return an environment with a folder for temporary tables; in a shared one, a MariaDB that starts removes them."""
    return {"TMPDIR": str(folder / "tmp")}


async def _replicate(running: Dependencies) -> None:
    """Have the replica follow the primary from the beginning, and make the database."""
    primary, nowhere = running.database, ""
    await run_sql(
        replace(running.replica_database, database=nowhere),
        f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {primary.port}, MASTER_USER = '{primary.user}', "
        f"MASTER_PASSWORD = '{primary.password}', MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos",
        "START SLAVE",
    )
    await run_sql(replace(primary, database=nowhere), "CREATE DATABASE unkey")


async def caught_up(running: Dependencies) -> bool:
    """Say whether the replica has everything that the primary has now."""
    [[written]] = await run_sql(running.database, "SELECT @@gtid_binlog_pos")
    [[applied]] = await run_sql(running.replica_database, "SELECT @@gtid_slave_pos")
    return written == applied


@asynccontextmanager
async def killed(dependency: Dependency) -> AsyncIterator[None]:
    """Kill it for the time of the block. Starting it again does not hold up who is asking meanwhile."""
    dependency.kill()
    try:
        yield
    finally:
        await asyncio.to_thread(dependency.start)


@asynccontextmanager
async def paused(dependency: Dependency) -> AsyncIterator[None]:
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


def says_ok(port: int, path: str) -> Callable[[], bool]:
    """Return a condition: a GET of `path` is a 200."""
    return lambda: status_of(f"http://127.0.0.1:{port}{path}") == 200
