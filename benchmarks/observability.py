"""What observing costs: the warm verify with everything switched on, as ratios.

Three services run on the same core, one loaded at a time, in turns, so that whatever else the machine does hits all of
them: one that tells nothing about requests, one that only writes its rows to ClickHouse, and one with metrics, traces
and the log on top. The last two are compared for the cost of observability, the first two for that of the rows.

Rows and spans go to a sink that does nothing with them: what ClickHouse and a collector make of them costs their own
hosts, and here it would only slow down the core next door, with the loader on it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.load import LoadFailed, require_tools, run_wrk
from benchmarks.machine import choose_cores, cpu_seconds
from benchmarks.scenarios import Scenario, check, scenarios
from benchmarks.seeding import seed
from benchmarks.servers import Server, service, stores
from unkey_api.container.runtime import Observing
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.dev.ports import LOOPBACK, free_ports

ROUNDS = 7
ROUND_SECONDS = 4  # with the rows of one round written within the next one of the same service
SAMPLE_RATE = 0.05  # the default
LIMIT = 0.15
RESULT = Path(__file__).parent / "observability.json"


@dataclass(slots=True)
class _Sink:
    """A collector and a ClickHouse that take everything and keep nothing."""

    exports: int = 0
    """Batches of spans."""
    rows: int = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen until the block ends; yields the port."""
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await _body(reader, head)
                if b"/v1/traces" in head:
                    self.exports += 1
                elif b"INSERT" in head and b"api_requests" in head:
                    self.rows += body.count(b"\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            pass  # the service has left
        finally:
            writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if b"transfer-encoding: chunked" not in head.lower():
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return await reader.readexactly(int(length[1]) if length else 0)
    pieces = []
    while size := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class _Round:
    per_second: float
    cpu_us: float


_Turn = dict[Observing, _Round]


async def observability() -> None:
    """Measure and print; writes observability.json.

    Raises:
        LoadFailed: A tool is missing, an answer was no success, or observability costs more than `LIMIT`.
    """
    require_tools()
    folder = Path(tempfile.mkdtemp(prefix="unkey-bench-"))
    sink = _Sink()
    try:
        async with sink.listening() as port:
            turns = await _measure(folder, port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rate = _ratio(turns, Observing.EVERYTHING, Observing.EVENTS)
    seen: dict[str, float] = {
        "observability_rate_ratio": rate,
        "events_rate_ratio": _ratio(turns, Observing.EVENTS, Observing.NOTHING),
        "everything_rate_ratio": _ratio(turns, Observing.EVERYTHING, Observing.NOTHING),
        **{f"{told}_per_second": round(median(turn[told].per_second for turn in turns)) for told in Observing},
        **{f"{told}_cpu_us": round(median(turn[told].cpu_us for turn in turns), 1) for told in Observing},
        "rows": sink.rows,
        "span_exports": sink.exports,
        "load_average": round(os.getloadavg()[0], 1),
    }
    RESULT.write_text(json.dumps(seen, indent=2) + "\n")
    for name, value in seen.items():
        print(f"{name:<26} {value}")
    if not sink.rows or not sink.exports:
        raise LoadFailed("no rows or no spans arrived: this run compares nothing")
    if rate < 1 - LIMIT:
        raise LoadFailed(f"observing takes {1 - rate:.0%} of the rate; at most {LIMIT:.0%} is allowed")


def _ratio(turns: Sequence[_Turn], one: Observing, other: Observing) -> float:
    return round(median(turn[one].per_second / turn[other].per_second for turn in turns), 3)


async def _measure(folder: Path, sink_port: int) -> list[_Turn]:
    cores = choose_cores()
    async with stores(folder, core=cores.load) as stack:
        seeded = await seed(stack, unseen=0, clock=SystemClock(), ids=RandomIds())
        [scenario] = [row for row in scenarios(seeded, folder) if row.name == "verify /v2 JSON"]
        config = re.sub(r"\n\[clickhouse\]\n.*?\n(?=\n)", "\n", stack.config.read_text(), flags=re.DOTALL)
        collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{sink_port}"}
        async with AsyncExitStack() as running:
            servers = {
                told: await running.enter_async_context(
                    service(
                        _config(folder, told, config, sink_port),
                        cores=(cores.service,),
                        workers=1,
                        log=folder / f"log.{told}",
                        program=("benchmarks.unobserved", told),
                        environment=collector,
                    )
                )
                for told in Observing
            }
            for server in servers.values():
                await check(scenario, server.url)
                await _round(scenario, server, core=cores.load)
            turns = [
                {told: await _round(scenario, server, core=cores.load) for told, server in servers.items()}
                for _ in range(ROUNDS)
            ]
    return turns


def _config(folder: Path, told: Observing, config: str, sink_port: int) -> Path:
    file = folder / f"{told}.toml"
    file.touch(mode=0o600)
    if told is not Observing.NOTHING:
        config += f'\n[clickhouse]\nurl = "http://{LOOPBACK}:{sink_port}/default"\n'
    if told is Observing.EVERYTHING:
        [metrics_port] = free_ports(1)
        config += (
            f"\n[observability.metrics]\nprometheus_port = {metrics_port}\n"
            f"[observability.tracing]\nsample_rate = {SAMPLE_RATE}\n[observability.logging]\nsample_rate = 1.0\n"
        )
    file.write_text(config)
    return file


async def _round(scenario: Scenario, server: Server, *, core: int) -> _Round:
    before = cpu_seconds(server.pids)
    measured = await run_wrk(server.url, scenario.request, seconds=ROUND_SECONDS, cores=(core,))
    if measured.errors:
        raise LoadFailed(f"{measured.errors} requests failed")
    used = cpu_seconds(server.pids) - before
    return _Round(measured.requests / measured.seconds, used / measured.requests * 1e6)
