"""A private MariaDB for the test session, started on first use and gone with it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.frozen import COPIES, OPTION, SUFFIX, is_read
from tests.support.statements import StatementRecorder
from unkey_api.core.clock import SystemClock
from unkey_api.dev.ports import free_ports
from unkey_api.infra.mysql import Database, Dsn, MysqlSettings, Params, Statement, log_orphan, open_database
from unkey_api.infra.mysql.driver import connect
from unkey_api.infra.mysql.migrations import migrate
from unkey_api.infra.mysql.sql_text import sql_literal

START_SECONDS = 30.0
STOP_SECONDS = 20.0
USER = "unkey"
PASSWORD = "p@ss:wörd/%"
"""Awkward on purpose: it has to survive every way of writing a connection string."""
SPEED = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--performance-schema=OFF",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=1M",
)


@dataclass(frozen=True, slots=True)
class MysqlServer:
    """A running server."""

    port: int
    """On 127.0.0.1."""
    socket: Path
    pid: int

    def dsn(self, database: str = "") -> Dsn:
        """Return how to reach a database through the socket; one that may do everything."""
        return Dsn(unix_socket=str(self.socket), user=USER, password=PASSWORD, database=database)

    def tcp_dsn(self, database: str = "") -> Dsn:
        """Return how to reach a database over TCP."""
        return replace(self.dsn(database), unix_socket="", host="127.0.0.1", port=self.port)


@contextmanager
def run_server(folder: Path, *extra: str) -> Iterator[MysqlServer]:
    """Install and run a server in `folder`, as root or as an ordinary user, until the block ends."""
    server, command = install_server(folder, *extra)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_own_tmpdir(folder)
        )
    try:
        _await_start(process, server, log)
        yield replace(server, pid=process.pid)
    finally:
        _stop(process)


def install_server(folder: Path, *extra: str) -> tuple[MysqlServer, list[str]]:
    """Make the data folder of a server and return what it will be once the command, returned too, runs."""
    server = MysqlServer(port=free_ports(1)[0], socket=folder / "s.sock", pid=0)
    who = ["--user=root"] if os.geteuid() == 0 else []
    data = folder / "data"
    _install(data, who, _own_tmpdir(folder))
    init = folder / "init.sql"
    init.write_text(  # one statement per line, the server insists
        f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
        f"GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n",
        encoding="utf-8",
    )
    return server, [
        *_dies_with_parent(),
        binary("mariadbd", "mysqld"),
        "--no-defaults",
        *who,
        f"--datadir={data}",
        f"--socket={server.socket}",
        f"--port={server.port}",
        "--bind-address=127.0.0.1",
        f"--pid-file={folder / 'pid'}",
        f"--init-file={init}",
        "--character-set-server=utf8mb4",
        "--max-connections=300",
        *SPEED,
        *extra,
    ]


def binary(*names: str) -> str:
    """Return the path of the first program found; Debian keeps the server in /usr/sbin, off ordinary users' paths."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    raise RuntimeError(f"{' or '.join(names)} is missing; install the package mariadb-server")


def settings_for(dsn: Dsn) -> MysqlSettings:
    """Return settings that fail fast."""
    return MysqlSettings(
        primary=dsn,
        acquire_timeout=timedelta(seconds=10),
        statement_timeout=timedelta(seconds=20),
        startup_attempts=1,
        replica=replace(dsn, database=copy) if (copy := COPIES.of(dsn.database)) else None,
        replica_lag_max=timedelta(0),
    )


async def run_sql(dsn: Dsn, *statements: str) -> list[tuple[object, ...]]:
    """Run statements on a connection of their own and return the rows of the last one. A copy gets the writes too."""
    if copy := COPIES.of(dsn.database):
        writes = [statement for statement in statements if not is_read(statement)]
        await run_sql(replace(dsn, database=copy), *writes)
    if not statements:
        return []
    connection = await connect(dsn, statement_timeout=timedelta(seconds=30))
    try:
        rows: list[tuple[object, ...]] = []
        for statement in statements:
            rows = list((await connection.run(statement)).rows)
        return rows
    finally:
        await connection.quit(wait=True)


async def store(database: Database, dsn: Dsn, statement: Statement, params: Params) -> None:
    """Store something beside the service, in the copy as well where there is one."""
    await database.primary.execute(statement, params)
    if copy := COPIES.of(dsn.database):
        await run_sql(replace(dsn, database=copy), statement.template.render(params, sql_literal))


RUNNING = "TESTS_MYSQL"
"""Environment variable: port, socket and process of a server that runs already, and a migrated database in it; JSON."""


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MysqlServer]:
    """A server with an empty data folder, unless one is given."""
    if given := os.environ.get(RUNNING):
        known = json.loads(given)
        yield MysqlServer(port=known["port"], socket=Path(known["socket"]), pid=known["pid"])
        return
    # Not under pytest's own folder: the path of a unix socket must be short.
    with tempfile.TemporaryDirectory(prefix="unkey-mysql-", dir="/tmp") as folder, run_server(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
async def mysql_dsn(mysql_server: MysqlServer, pytestconfig: pytest.Config) -> Dsn:
    """A database with all tables, shared by the session: use fresh ids and your own workspace."""
    if given := os.environ.get(RUNNING):
        return mysql_server.dsn(json.loads(given)["database"])
    names = ["unkey", f"unkey{SUFFIX}"] if pytestconfig.getoption(OPTION) else ["unkey"]
    for name in names:
        await run_sql(mysql_server.dsn(), f"CREATE DATABASE {name}")
        await migrate(settings_for(mysql_server.dsn(name)))
    COPIES.databases.update(names[: len(names) - 1])
    return mysql_server.dsn("unkey")


@pytest.fixture
async def empty_mysql_dsn(mysql_server: MysqlServer) -> AsyncIterator[Dsn]:
    """A database without tables, for this test alone."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    await run_sql(mysql_server.dsn(), f"CREATE DATABASE {name}")
    yield mysql_server.dsn(name)
    await run_sql(mysql_server.dsn(), f"DROP DATABASE {name}")


@pytest.fixture(scope="session")
def statements() -> StatementRecorder:
    """Listens to `database`; use `with statements.recording() as seen:`."""
    return StatementRecorder()


@pytest.fixture(scope="session")
async def database(mysql_dsn: Dsn, statements: StatementRecorder) -> AsyncIterator[Database]:
    """The migrated database, open for the whole session."""
    async with open_database(
        settings_for(mysql_dsn), clock=SystemClock(), on_orphan_error=log_orphan, observer=statements
    ) as opened:
        yield opened


def _own_tmpdir(folder: Path) -> dict[str, str]:
    """Return an environment with a folder for temporary tables; in a shared one, a MariaDB that starts removes them."""
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(scratch)}


def _install(data: Path, who: list[str], environment: dict[str, str]) -> None:
    command = [
        binary("mariadb-install-db", "mysql_install_db"),
        "--no-defaults",
        *who,
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)  # noqa: S603 - our own arguments
    if done.returncode:
        raise RuntimeError(f"mariadb-install-db failed:\n{done.stdout}\n{done.stderr}")


def _dies_with_parent() -> list[str]:
    """Return a prefix by which the kernel ends the server even when the test process is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _await_start(process: subprocess.Popen[bytes], server: MysqlServer, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(server.socket)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"MariaDB did not start:\n{log.read_text(errors='replace')[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
