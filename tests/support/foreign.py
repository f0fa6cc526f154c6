"""Clients in other languages and runtimes, run as programs that read JSON and report JSON."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any  # reports hold any JSON

import pytest

from tools.materialise_protos import materialise

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "clients"
PROTO = ROOT / "proto"

Report = dict[str, Any]
"""Scenario → `{"value": …}` or `{"error": …}`."""


class ProgramFailed(AssertionError):
    """A program ended with a status that was not accepted."""

    def __init__(self, command: Sequence[str], done: subprocess.CompletedProcess[str]) -> None:
        super().__init__(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        self.stderr = done.stderr


def programs_path() -> str:
    """Return where programs are looked for: beside our interpreter first, where `make install` puts what is missing."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def run_program(
    command: Sequence[str],
    *,
    folder: Path = ROOT,
    given: str = "",
    environment: Mapping[str, str] | None = None,
    seconds: float = 120,
    accepted: tuple[int, ...] = (0,),
) -> str:
    """Run a program to its end and return its output.

    Raises:
        ProgramFailed: Its status is not accepted. Tells everything it said.
    """
    done = subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        env={**os.environ, "PATH": programs_path(), **(environment or {})},
    )
    if done.returncode not in accepted:
        raise ProgramFailed(command, done)
    return done.stdout


def report_of(command: Sequence[str], given: Mapping[str, object], *, folder: Path = ROOT) -> Report:
    """Run a client and return its report."""
    report: Report = json.loads(run_program(command, folder=folder, given=json.dumps(given)))
    return report


def require_program(name: str) -> str:
    """Return the path of a program, or skip the test: not everybody has every toolchain."""
    found = shutil.which(name, path=programs_path())
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def alone_with(folder: Path) -> Iterator[None]:
    """Keep other processes of the tests, which share the working tree, from preparing this folder meanwhile."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with (build / f"{folder.name.removeprefix('.')}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def third_party_protos() -> Path:
    """The folder with the .proto files that ours import, where buf.yaml expects it."""
    folder = ROOT / ".third_party"
    with alone_with(folder):
        materialise(folder)
    return folder


@pytest.fixture(scope="session")
def black_hole() -> Iterator[str]:
    """Host and port of a listener that accepts connections and never says a word."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
