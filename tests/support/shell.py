"""The operator's commands on the tests' database: in this process as a rule, as a program of its own where asked."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
import structlog

from tests.support.harness import configuration
from tests.support.mysql import MysqlServer
from tests.support.redis import RedisServer
from unkey_api.cli import main
from unkey_api.infra.mysql import Dsn

WIDE = {"COLUMNS": "1000"}
"""Rich breaks sentences otherwise."""


class Ended(NamedTuple):
    """How a command ended and what it wrote."""

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
        """Return the exit status and both streams as they are.

        The command has a loop of its own, hence a thread. Ours stands still meanwhile: nothing else may write to the
        streams.
        """
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(_run_here, self._line(words), typed).result()

    async def run_program(self, *words: str, typed: str = "") -> Ended:
        """Do the same with a process: slow, so only to see that it makes no difference."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "unkey_api", *self._line(words)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | WIDE,
        )
        out, err = await process.communicate(typed.encode())
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    def _line(self, words: tuple[str, ...]) -> list[str]:
        return [self.group, *words, "--config", str(self.config)]


def _run_here(line: list[str], typed: str) -> Ended:
    out, err = io.BytesIO(), io.BytesIO()
    out_text, err_text = (io.TextIOWrapper(each, encoding="utf-8", write_through=True) for each in (out, err))
    status: object = 0
    with (
        patch.object(sys, "argv", ["unkey-api", *line]),
        patch.object(sys, "stdin", io.StringIO(typed)),
        patch.dict(os.environ, WIDE),
        redirect_stdout(out_text),
        redirect_stderr(err_text),
        _logging_as_it_was(),
    ):
        try:
            main()
        except SystemExit as ended:
            status = ended.code
    assert status is None or isinstance(status, int), status
    return Ended(status or 0, out.getvalue().decode(), err.getvalue().decode())


@contextmanager
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a command does to the loggers of its process, which is ours."""
    before = structlog.get_config()
    try:
        yield
    finally:
        structlog.configure(**before)


@pytest.fixture
def command_config(mysql_server: MysqlServer, mysql_dsn: Dsn, redis_server: RedisServer, tmp_path: Path) -> Path:
    """A configuration file for commands. Without a Redis, every change would wait a second for one."""
    config = tmp_path / "unkey.toml"
    config.write_text(configuration(mysql_server.tcp_dsn(mysql_dsn.database), redis_server.url))
    return config
