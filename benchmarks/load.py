"""Making load: wrk for HTTP/1.1, h2load for HTTP/2."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import pinned

LUA = Path(__file__).parent / "lua"
CONNECTIONS = 32
TIMEOUT_SECONDS = 10  # wrk would call everything above two an error
STREAMS = 8  # per HTTP/2 connection
HTTP2_CONNECTIONS = CONNECTIONS // STREAMS
_PACKAGES = {"wrk": "wrk", "h2load": "nghttp2-client", "taskset": "util-linux"}


class LoadFailed(Exception):
    """A loader could not do its work. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to send, over and over."""

    path: str
    headers: Mapping[str, str]
    bodies: Path
    """File with the body; with `each_line`, with one body per line."""
    each_line: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a loader saw."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int
    """Answers that were no success, and requests without an answer."""


def require_tools() -> None:
    """Return when every loader is installed; otherwise raise `LoadFailed` saying which package to install."""
    missing = sorted(package for tool, package in _PACKAGES.items() if shutil.which(tool) is None)
    if missing:
        raise LoadFailed(f"these Debian packages are missing: run\n  apt-get install {' '.join(missing)}")


async def run_wrk(
    url: str, request: Request, *, seconds: int, cores: Sequence[int], connections: int = CONNECTIONS
) -> Measured:
    """Send from so many connections for that long, the next request as soon as one is answered."""
    script = LUA / ("each_line.lua" if request.each_line else "fixed.lua")
    threads = len(cores)
    command = [
        *("wrk", "--latency", f"--threads={threads}", f"--connections={connections}", f"--duration={seconds}s"),
        *(f"--timeout={TIMEOUT_SECONDS}s", "--script", str(script), url + request.path, "--", str(request.bodies)),
        *(f"{name}: {value}" for name, value in request.headers.items()),
    ]
    output = await _run(pinned(command, *cores))
    seen = json.loads(output.strip().rpartition("\n")[2])
    return Measured(
        requests=seen["requests"],
        seconds=seen["seconds"],
        p50_ms=seen["p50_us"] / 1000,
        p99_ms=seen["p99_us"] / 1000,
        errors=seen["errors"],
    )


async def run_h2load(url: str, request: Request, *, seconds: int, core: int, log: Path) -> Measured:
    """Do the same over HTTP/2: as many requests in flight, on few connections. `log` is scratch space."""
    log.unlink(missing_ok=True)
    command = [
        *("h2load", f"--duration={seconds}", f"--clients={HTTP2_CONNECTIONS}", f"--max-concurrent-streams={STREAMS}"),
        *(f"--data={request.bodies}", f"--log-file={log}"),
        *(f"--header={name}: {value}" for name, value in request.headers.items()),
        url + request.path,
    ]
    output = await _run(pinned(command, core))
    # Times of single requests are only in the log: start, status, duration in microseconds.
    lines = [line.split("\t") for line in log.read_text().splitlines()]
    times = sorted(int(line[2]) for line in lines)
    found = re.search(r"requests: .* (\d+) failed, (\d+) errored, (\d+) timeout", output)
    if found is None or not times:
        raise LoadFailed(f"h2load got no answer:\n{output}")
    refused = sum(line[1] != "200" for line in lines)
    return Measured(
        requests=len(times),
        seconds=float(seconds),
        p50_ms=times[len(times) // 2] / 1000,
        p99_ms=times[len(times) * 99 // 100] / 1000,
        errors=refused + sum(map(int, found.groups())),
    )


async def _run(command: Sequence[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise LoadFailed(f"{' '.join(command)}\n{output}")
    return output
