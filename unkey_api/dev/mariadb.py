"""A private MariaDB server: real engine, loopback and socket only, data in its own folder."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from unkey_api.dev.folder import CannotStart
from unkey_api.dev.ports import LOOPBACK
from unkey_api.dev.process import ChildFailed, ChildSpec, child_process, log_tail

USER = "unkey"
DATABASE = "unkey"
START_LIMIT = timedelta(seconds=60)
_READY_MARK = "installed"
_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
# The longest path a socket can be bound to; deeper data folders put the socket elsewhere.
_SOCKET_PATH_MAX = 100


class MariadbMissing(CannotStart):
    """The server's programs are not installed. The message says how to get them."""


@dataclass(frozen=True, slots=True)
class Mariadb:
    """A running server."""

    port: int
    password: str

    @property
    def dsn(self) -> str:
        """The `database.primary` setting that reaches it."""
        return f"{USER}:{self.password}@tcp({LOOPBACK}:{self.port})/{DATABASE}?parseTime=true"


@asynccontextmanager
async def mariadb(folder: Path, port: int, password: str) -> AsyncIterator[Mariadb]:
    """Run a server on `folder`, installing its system tables first when the folder is new.

    Works as root and as anyone else. The account `unkey` may do everything in the database `unkey`.

    Raises:
        MariadbMissing: No `mariadbd`.
        ChildFailed: It did not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    scratch = _scratch(folder)
    if not (folder / _READY_MARK).exists():
        shutil.rmtree(data, ignore_errors=True)  # a first start that was interrupted
        await _install(folder, data, scratch)
        (folder / _READY_MARK).touch()
    account = folder / "account.sql"
    account.touch(mode=0o600)
    account.write_text(_account(password))
    command = [find_program("mariadbd"), *_options(folder, data, port), f"--init-file={account.resolve()}"]
    spec = ChildSpec(name="MariaDB", command=command, log=folder / "server.log", environment=scratch)
    async with child_process(spec) as child:
        await child.until_ready(lambda: _speaks(port), within=START_LIMIT)
        yield Mariadb(port, password)


def find_program(name: str) -> str:
    """Return the path of one of MariaDB's programs; the sbin folders count even when PATH lacks them."""
    path = shutil.which(name) or shutil.which(name, path=_SBIN)
    if path is None:
        raise MariadbMissing(
            f"{name} is not installed. Run 'make install', or as root:\n"
            "  apt-get install --no-install-recommends mariadb-server-core mariadb-client-core"
        )
    return path


def _scratch(folder: Path) -> dict[str, str]:
    """Return the environment that keeps temporary files in our folder.

    In a shared one, any MariaDB that starts sweeps away the temporary tables of all others.
    """
    scratch = folder.resolve() / "tmp"
    scratch.mkdir(exist_ok=True)
    return {"TMPDIR": str(scratch)}


async def _install(folder: Path, data: Path, scratch: dict[str, str]) -> None:
    command = [
        find_program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={data.resolve()}",
        # Root logs in as the operating system's user who owns the folder, over the socket only.
        "--auth-root-authentication-method=socket",
        f"--auth-root-socket-user={getpass.getuser()}",
        "--skip-test-db",
        "--skip-name-resolve",
        *_user_option(),
    ]
    log = folder / "install.log"
    path = os.environ.get("PATH", "") + ":" + _SBIN
    spec = ChildSpec(name="mariadb-install-db", command=command, log=log, environment={"PATH": path, **scratch})
    async with child_process(spec) as child:
        status = await child.wait()
    if status:
        raise ChildFailed(f"mariadb-install-db failed with status {status}; the end of {log}:\n{log_tail(log)}")


def _options(folder: Path, data: Path, port: int) -> list[str]:
    socket = folder.resolve() / "s.sock"
    if len(str(socket)) > _SOCKET_PATH_MAX:
        socket = Path(f"/tmp/unkey-{os.getuid()}-{port}.sock")  # noqa: S108 - mode and owner are the server's business
    return [
        "--no-defaults",
        f"--datadir={data.resolve()}",
        f"--socket={socket}",
        f"--bind-address={LOOPBACK}",
        f"--port={port}",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--default-time-zone=+00:00",
        "--max-connections=400",
        # A development machine may lose its last second in a power cut; a start may not take long.
        "--innodb-flush-log-at-trx-commit=2",
        # Taken from the system as data comes, so that a few keys need little and a million keys fit.
        "--innodb-buffer-pool-size=512M",
        "--innodb-log-file-size=128M",
        "--performance-schema=OFF",
        "--skip-log-bin",
        *_user_option(),
    ]


def _user_option() -> list[str]:
    """Name our own user: the server refuses to run as root unless told so."""
    return ["--user=root"] if os.getuid() == 0 else []


def _account(password: str) -> str:
    """Return the statements run on each start, one per line."""
    return (
        f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;\n"
        f"CREATE USER IF NOT EXISTS '{USER}'@'{LOOPBACK}';\n"
        f"ALTER USER '{USER}'@'{LOOPBACK}' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON {DATABASE}.* TO '{USER}'@'{LOOPBACK}';\n"
    )


async def _speaks(port: int) -> bool:
    """Whether the server greets a new connection; it does so only when it is ready for statements."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                return bool(await reader.read(1))
            finally:
                writer.close()
    except OSError:
        return False
