"""The operator's commands as programs, on the tests' database."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.harness import configuration
from tests.support.mysql import MysqlServer
from unkey_api.infra.mysql import Dsn


class Ended(NamedTuple):
    """How a program ended and what it wrote."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `unkey-api <group> …`."""

    config: Path
    group: str

    async def run(self, *words: str, typed: str = "") -> tuple[int, str]:
        """Return the exit status and what was said on both streams, without its line breaks."""
        ended = await self.run_apart(*words, typed=typed)
        return ended.status, " ".join(f"{ended.out} {ended.err}".split())

    async def run_apart(self, *words: str, typed: str = "") -> Ended:
        """Return the exit status and both streams as they are."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "unkey_api", self.group, *words, "--config", str(self.config)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"TERMINAL_WIDTH": "1000"},  # typer's, which breaks sentences otherwise
        )
        out, err = await process.communicate(typed.encode())
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())


@pytest.fixture
def command_config(mysql_server: MysqlServer, mysql_dsn: Dsn, tmp_path: Path) -> Path:
    """A configuration file for commands."""
    config = tmp_path / "unkey.toml"
    config.write_text(configuration(mysql_server.tcp_dsn(mysql_dsn.database), "redis://127.0.0.1:1"))
    return config
