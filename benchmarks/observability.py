"""What observing costs: the warm verify with everything switched on against nothing at all, as a ratio.

Both services run on the same core, one loaded at a time, in turns, so that whatever else the machine does hits both.
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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.load import LoadFailed, require_tools, run_wrk
from benchmarks.machine import choose_cores, cpu_seconds
from benchmarks.scenarios import Scenario, check, scenarios
from benchmarks.seeding import seed
from benchmarks.servers import Server, service, stores
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.dev.ports import LOOPBACK, free_ports

ROUNDS = 7
ROUND_SECONDS = 4  # with the rows of one round written within the next one of the same service
SAMPLE_RATE = 0.25
GOAL = 0.15
LIMIT = 0.35  # what this machine needs today and some room: a guard against getting worse
RESULT = Path(__file__).parent / "observability.json"


@dataclass(slots=True)
class _Sink:
    """A collector and a ClickHouse that take everything and keep nothing."""

    spans: int = 0
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
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if b"/v1/traces" in head:
                    self.spans += body.count(b'"traceId"')
                elif b"INSERT" in head and b"api_requests" in head:
                    self.rows += body.count(b"\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            pass  # the service has left
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class _Round:
    per_second: float
    cpu_us: float


async def observability() -> None:
    """Measure and print; writes observability.json.

    Raises:
        LoadFailed: A tool is missing, an answer was no success, or observing costs more than `LIMIT`.
    """
    require_tools()
    folder = Path(tempfile.mkdtemp(prefix="unkey-bench-"))
    sink = _Sink()
    try:
        async with sink.listening() as port:
            rounds = await _measure(folder, port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rate = median(on.per_second / off.per_second for off, on in rounds)
    cpu = median(on.cpu_us / off.cpu_us for off, on in rounds)
    seen = {
        "rate_ratio": round(rate, 3),
        "cpu_ratio": round(cpu, 3),
        "off_per_second": round(median(off.per_second for off, _ in rounds)),
        "on_per_second": round(median(on.per_second for _, on in rounds)),
        "off_cpu_us": round(median(off.cpu_us for off, _ in rounds), 1),
        "on_cpu_us": round(median(on.cpu_us for _, on in rounds), 1),
        "rows": sink.rows,
        "spans": sink.spans,
        "load_average": round(os.getloadavg()[0], 1),
    }
    RESULT.write_text(json.dumps(seen, indent=2) + "\n")
    for name, value in seen.items():
        print(f"{name:<16} {value}")
    print(f"observing takes {1 - rate:.0%} of the rate; the goal is {GOAL:.0%}")
    if not sink.rows or not sink.spans:
        raise LoadFailed("no rows or no spans arrived: this run compares nothing")
    if rate < 1 - LIMIT:
        raise LoadFailed(f"observing takes {1 - rate:.0%} of the rate; at most {LIMIT:.0%} is allowed")


async def _measure(folder: Path, sink_port: int) -> list[tuple[_Round, _Round]]:
    cores = choose_cores()
    async with stores(folder, core=cores.load) as stack:
        seeded = await seed(stack, unseen=0, clock=SystemClock(), ids=RandomIds())
        [scenario] = [row for row in scenarios(seeded, folder) if row.name == "verify /v2 JSON"]
        config = re.sub(r"\n\[clickhouse\]\n.*?\n(?=\n)", "\n", stack.config.read_text(), flags=re.DOTALL)
        observed, bare = folder / "observed.toml", folder / "bare.toml"
        [metrics_port] = free_ports(1)
        observed.write_text(
            f'{config}\n[clickhouse]\nurl = "http://{LOOPBACK}:{sink_port}/default"\n'
            f"[observability.metrics]\nprometheus_port = {metrics_port}\n"
            f"[observability.tracing]\nsample_rate = {SAMPLE_RATE}\n[observability.logging]\nsample_rate = 1.0\n"
        )
        bare.write_text(config)
        collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{sink_port}"}
        core, log = (cores.service,), folder / "log"
        async with (
            service(
                bare, cores=core, workers=1, log=log.with_suffix(".off"), program=("benchmarks.unobserved",)
            ) as off,
            service(observed, cores=core, workers=1, log=log.with_suffix(".on"), environment=collector) as on,
        ):
            for server in (off, on):
                await check(scenario, server.url)
                await _round(scenario, server, core=cores.load)
            rounds = [
                (await _round(scenario, off, core=cores.load), await _round(scenario, on, core=cores.load))
                for _ in range(ROUNDS)
            ]
    return rounds


async def _round(scenario: Scenario, server: Server, *, core: int) -> _Round:
    before = cpu_seconds(server.pids)
    measured = await run_wrk(server.url, scenario.request, seconds=ROUND_SECONDS, cores=(core,))
    if measured.errors:
        raise LoadFailed(f"{measured.errors} requests failed")
    used = cpu_seconds(server.pids) - before
    return _Round(measured.requests / measured.seconds, used / measured.requests * 1e6)
