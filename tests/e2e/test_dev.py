"""`unkey-api dev` as a person uses it: start, paste what it printed, stop, start again."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.served import fetch, processes_of, until
from unkey_api.dev.ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

READY = "Ctrl-C stops everything"
SECOND_START_SECONDS = 5.0
PRINTED_SECONDS = re.compile(r"ready after ([0-9.]+) s")


class Terminal:
    """A started `unkey-api dev` and what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""

    async def until_ready(self) -> str:
        """Return the output once the service is ready."""
        assert self.process.stdout is not None
        while READY not in self.text:
            line = await self.process.stdout.readline()
            assert line, f"ended before it was ready:\n{self.text}"
            self.text += line.decode()
        return self.text

    async def ended(self) -> int:
        """Return the status after the end."""
        rest, _ = await self.process.communicate()
        self.text += rest.decode()
        assert self.process.returncode is not None
        return self.process.returncode

    async def interrupt(self) -> int:
        """Press Ctrl-C and return the status."""
        self.process.send_signal(signal.SIGINT)
        return await self.ended()


@asynccontextmanager
async def dev(data: Path, *ports: int) -> AsyncIterator[Terminal]:
    """Run the command in a session of its own, as a terminal does."""
    command = [str(Path(sys.executable).with_name("unkey-api")), "dev", "--data-dir", str(data)]
    options = ["--port", str(ports[0]), "--http2-port", str(ports[1])]
    process = await asyncio.create_subprocess_exec(
        *command, *options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, limit=1_000_000
    )
    try:
        yield Terminal(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
        await asyncio.to_thread(until, lambda: not running_in(data) and not processes_of(process.pid), 20)


def running_in(data: Path) -> list[str]:
    """Return the commands of processes that name the data folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(data) in command:
            found.append(command)
    return found


def pasted(text: str) -> list[str]:
    """Return the lines a person is told to paste, as they were printed."""
    lines = text.partition("Paste these:")[2].partition(READY)[0].splitlines()
    return [line for line in lines if line.strip()]


def in_bash(lines: list[str]) -> str:
    """Paste the lines into a shell that stops at the first failure; return what it printed."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    script = "set -euo pipefail\n" + "\n".join(lines) + "\n"
    environment = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG"}}
    done = subprocess.run(
        ["bash", "-s"],  # noqa: S607 - the shell a person has
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answers_in(output: str) -> list[dict[str, dict[str, object]]]:
    """Return the JSON answers among the lines of a shell, however they were joined."""
    decoder, found, rest = json.JSONDecoder(), [], output
    while (start := rest.find("{")) >= 0:
        answer, length = decoder.raw_decode(rest[start:])
        found.append(answer)
        rest = rest[start + length :]
    return found


async def test_from_the_first_start_to_the_second(tmp_path: Path) -> None:
    data = tmp_path / "data"
    http, http2, other, other2 = free_ports(4)
    async with dev(data, http, http2) as first:
        text = await first.until_ready()
        assert "first start" in text
        output = await asyncio.to_thread(in_bash, pasted(text))
        key = output.splitlines()[0]
        verified, limited = answers_in(output)
        assert (verified["data"]["valid"], verified["data"]["code"]) == (True, "VALID")
        assert limited["data"]["success"] is True
        await refuse_a_second_instance(data, other, other2)
        await refuse_taken_ports(tmp_path / "elsewhere", http, other2)
        assert await first.interrupt() == 0
    assert running_in(data) == []

    async with dev(data, http, http2) as second:
        text = await second.until_ready()
        seconds = float(PRINTED_SECONDS.findall(text)[0])
        print(f"\nsecond start: {seconds} s")  # noqa: T201 - a figure worth seeing
        assert seconds < SECOND_START_SECONDS * slowness()
        credential = {"authorization": f"Bearer {root_key_in(text)}"}
        status, body = await asyncio.to_thread(
            fetch, f"http://127.0.0.1:{http}/v2/keys.verifyKey", {"key": key}, credential
        )
        assert (status, json.loads(body)["data"]["code"]) == (200, "VALID"), "the data of before is there"
        assert await second.interrupt() == 0


def slowness() -> float:
    """Return how many times longer things take because the machine is busy with other work, at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def root_key_in(text: str) -> str:
    """Return the root key that was printed."""
    return str(re.findall(r"export ROOT_KEY=(\S+)", text)[0])


async def refuse_a_second_instance(data: Path, *ports: int) -> None:
    """The folder belongs to whoever came first, who is not disturbed."""
    command = [str(Path(sys.executable).with_name("unkey-api")), "dev", "--data-dir", str(data)]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--port",
        str(ports[0]),
        "--http2-port",
        str(ports[1]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    second = Terminal(process)
    assert await second.ended() == 1
    assert "in use by another unkey-api dev" in second.text
    assert "Traceback" not in second.text


async def refuse_taken_ports(data: Path, taken: int, free: int) -> None:
    """Nothing is started when the port is taken, and the message says what to do."""
    async with dev(data, taken, free) as terminal:
        assert await terminal.ended() == 1
    assert f"port {taken} on 127.0.0.1 is taken" in terminal.text
    assert "--port" in terminal.text
    assert "Traceback" not in terminal.text
    assert not (data / "mariadb").exists()
