"""`unkey-api dev` from start to stop, with everything real but the service itself."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from socket import socket

import pytest

from tests.support.waiting import eventually
from unkey_api.core.clock import SystemClock
from unkey_api.core.keymaterial import hash_key
from unkey_api.dev.demo import FIND_KEY
from unkey_api.dev.ports import free_ports
from unkey_api.infra.mysql import MysqlSettings, log_orphan, open_database, parse_dsn

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

PROGRAM = "tests.support.dev_program"
SECOND_START_SECONDS = 5.0


class Dev:
    """A started program."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.output = ""

    async def read_until(self, text: str) -> str:
        """Return the output so far, once it holds `text`; fail when the program ends before."""
        assert self.process.stdout is not None
        while text not in self.output:
            line = await self.process.stdout.readline()
            assert line, f"ended without saying {text!r}:\n{self.output}"
            self.output += line.decode()
        return self.output

    async def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return await self.rest()

    async def rest(self) -> int:
        """Read to the end and return the exit status."""
        output, _ = await self.process.communicate()
        self.output += output.decode()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def started(folder: Path, port: int) -> AsyncIterator[Dev]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", PROGRAM, str(folder), str(port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield Dev(process, folder)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
        await eventually(lambda: not list(processes_of(folder)))


def processes_of(folder: Path) -> Iterator[str]:
    """Yield the command lines that name the folder: the stores, wherever they hang in the process tree."""
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and PROGRAM not in command:
            yield command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dev") / "data"


async def test_life_of_a_data_folder(folder: Path) -> None:
    """First start, clean stop, second start, sudden death, third start: the same root key and no process left."""
    [port] = free_ports(1)
    async with started(folder, port) as first:
        text = await first.read_until("Ctrl-C stops everything")
        root_key = re.findall(r"export ROOT_KEY=(\S+)", text)[0]
        assert "first start" in text
        await assert_key_is_stored(folder, root_key)
        assert await first.end(signal.SIGINT) == 0
        assert list(processes_of(folder)) == []

    async with started(folder, port) as second:
        text = await second.read_until("Ctrl-C stops everything")
        assert root_key in text
        seconds = float(re.findall(r"ready after ([0-9.]+) s", text)[0])
        assert seconds < SECOND_START_SECONDS
        await assert_key_is_stored(folder, root_key)
        await second.end(signal.SIGKILL)
        await eventually(lambda: not list(processes_of(folder)))

    async with started(folder, port) as third:
        assert root_key in await third.read_until("Ctrl-C stops everything")
        assert await third.end(signal.SIGTERM) == 0
        assert list(processes_of(folder)) == []


async def assert_key_is_stored(folder: Path, root_key: str) -> None:
    config = tomllib.loads((folder / "unkey.toml").read_text())
    settings = MysqlSettings(primary=parse_dsn(config["database"]["primary"]))
    async with open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan) as db:
        assert await db.primary.fetch_one(FIND_KEY, {"hash": hash_key(root_key)})


async def test_a_signal_before_it_is_ready_stops_it(tmp_path: Path) -> None:
    [port] = free_ports(1)
    async with started(tmp_path / "data", port) as dev:
        await dev.read_until("starting MariaDB")
        assert await dev.end(signal.SIGINT) == 0
        assert "stopped before" in dev.output


async def test_a_second_start_on_the_folder_is_refused(folder: Path) -> None:
    ports = free_ports(2)
    async with started(folder, ports[0]) as first:
        await first.read_until("Ctrl-C stops everything")
        async with started_beside(folder, ports[1]) as second:
            assert await second.rest() == 1
        assert f"in use by another unkey-api dev (process {first.process.pid})" in second.output
        assert "--data-dir" in second.output
        assert await first.end(signal.SIGINT) == 0


@asynccontextmanager
async def started_beside(folder: Path, port: int) -> AsyncIterator[Dev]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", PROGRAM, str(folder), str(port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    yield Dev(process, folder)


async def test_a_taken_port_is_explained_before_anything_is_started(tmp_path: Path) -> None:
    with closing(socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        async with started(tmp_path / "data", port) as dev:
            assert await dev.rest() == 1
        assert f"port {port} on 127.0.0.1 is taken" in dev.output
        assert "--port" in dev.output
        assert not (tmp_path / "data" / "mariadb").exists()


async def test_a_store_that_cannot_start_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "clickhouse").mkdir(parents=True)
    (data / "clickhouse" / "data").write_text("in the way")
    async with started(data, free_ports(1)[0]) as dev:
        assert await dev.rest() == 1
    assert "ClickHouse (chdb) ended at once" in dev.output
    assert "FileExistsError" in dev.output


async def test_a_lost_demo_file_gives_a_new_root_key_for_the_same_api(folder: Path) -> None:
    [port] = free_ports(1)
    async with started(folder, port) as dev:
        await dev.read_until("Ctrl-C stops everything")
        await dev.end(signal.SIGINT)
    before = json.loads((folder / "demo.json").read_text())
    (folder / "demo.json").unlink()
    async with started(folder, port) as dev:
        await dev.read_until("Ctrl-C stops everything")
        await dev.end(signal.SIGINT)
    after = json.loads((folder / "demo.json").read_text())
    assert after["root_key"] != before["root_key"]
    assert (after["workspace_id"], after["api_id"]) == (before["workspace_id"], before["api_id"])
