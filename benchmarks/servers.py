"""The processes under test: the service on the embedded stores, and the bare server."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.machine import children_of, pinned
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.dev.folder import DevOptions, locked_folder
from unkey_api.dev.ports import LOOPBACK, free_ports
from unkey_api.dev.process import Child, ChildSpec, answers_http, child_process
from unkey_api.dev.stack import Stack, running_stack

START_LIMIT = timedelta(seconds=30)
STOP_LIMIT = timedelta(seconds=20)
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    port: int
    http2_port: int
    """0 when it has no such listener."""
    pids: Sequence[int]
    """The processes that answer."""
    ready_seconds: float
    """From its start to its first answer."""

    @property
    def url(self) -> str:
        """Base of its HTTP/1.1 addresses."""
        return f"http://{LOOPBACK}:{self.port}"


@asynccontextmanager
async def stores(folder: Path, *, core: int) -> AsyncIterator[Stack]:
    """Run the embedded stores on one core, with everything migrated and seeded."""
    os.sched_setaffinity(0, {core})
    options = DevOptions(data_dir=folder, http_port=0, http2_port=0)
    with locked_folder(folder):
        async with running_stack(options, clock=SystemClock(), ids=RandomIds(), say=_say) as stack:
            yield stack


UNGUARDED = {"UNKEY_FAILED_CREDENTIALS_BURST": "0"}
"""For measuring what a refusal costs: an address that sends many would soon be held back."""


@asynccontextmanager
async def service(
    config: Path,
    *,
    cores: Sequence[int],
    workers: int,
    log: Path,
    program: Sequence[str] = ("unkey_api", "serve"),
    environment: Mapping[str, str] | None = None,
    tree: Path = ROOT,
) -> AsyncIterator[Server]:
    """Run the service with that many workers, all of them on these cores.

    `program` is the module and its command, `tree` the checkout it is taken from.
    """
    port, http2_port = free_ports(2)
    spec = ChildSpec(
        name="unkey-api serve",
        command=pinned([*_interpreter(), *program, "--config", str(config)], *cores),
        log=log,
        stop_timeout=STOP_LIMIT,
        environment={
            "UNKEY_HTTP_PORT": str(port),
            "UNKEY_HTTP2_PORT": str(http2_port),
            "UNKEY_WORKERS": str(workers),
            **_imports_from(tree),
            **(environment or {}),
        },
    )
    began = time.monotonic()
    async with child_process(spec) as child:
        await _until_serving(child, port)
        yield Server(
            port=port,
            http2_port=http2_port,
            pids=children_of(child.pid),
            ready_seconds=time.monotonic() - began,
        )


@asynccontextmanager
async def bare_server(*, core: int, log: Path, tree: Path = ROOT) -> AsyncIterator[Server]:
    """Run the bare echo on the listener of that checkout."""
    (port,) = free_ports(1)
    spec = ChildSpec(
        name="bare echo",
        command=pinned([*_interpreter(), "benchmarks.echo_server", str(port)], core),
        log=log,
        environment=_imports_from(tree),
    )
    began = time.monotonic()
    async with child_process(spec) as child:
        await child.until_ready(lambda: _accepts(port), within=START_LIMIT)
        yield Server(port=port, http2_port=0, pids=[child.pid], ready_seconds=time.monotonic() - began)


def _interpreter() -> tuple[str, ...]:
    """Return how to run a module. `-P` keeps the working directory out of what it may import from."""
    return sys.executable, "-P", "-m"


def _imports_from(tree: Path) -> dict[str, str]:
    return {"PYTHONPATH": f"{tree}{os.pathsep}{tree / 'gen'}"}


async def _until_serving(child: Child, port: int) -> None:
    await child.until_ready(lambda: answers_http(port, "/health/ready", host=LOOPBACK), within=START_LIMIT)


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
