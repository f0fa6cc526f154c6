"""One run: every scenario on freshly started servers."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from benchmarks.load import LoadFailed, Measured, require_tools, run_h2load, run_wrk
from benchmarks.machine import Cores, choose_cores, cpu_seconds, resident_mib
from benchmarks.report import Machine, Report, Row
from benchmarks.scenarios import Scenario, Target, check, scenarios
from benchmarks.seeding import seed
from benchmarks.servers import UNGUARDED, Server, bare_server, service, stores
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds

WARM_UP_SECONDS = 1
UNSEEN_PER_SECOND = 6_000  # more than one core verifies cold
UNSEEN_SECONDS = 3  # whatever the length of the other rows: keys take time to create


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    measured: Measured
    cpu_us: float
    resident_mib: float


async def run(*, seconds: int, only: str = "") -> Report:
    """Measure each scenario whose name holds `only` for that long, and the bare echo; say what came out.

    Raises:
        LoadFailed: A tool is missing, or an answer was no success.
    """
    require_tools()
    cores = choose_cores()
    folder = Path(tempfile.mkdtemp(prefix="unkey-bench-"))
    try:
        return await _run(folder, cores, seconds, only)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(folder: Path, cores: Cores, seconds: int, only: str) -> Report:
    async with stores(folder, core=cores.load) as stack:
        _say("creating keys")
        unseen = UNSEEN_PER_SECOND * UNSEEN_SECONDS
        seeded = await seed(stack, unseen=unseen, clock=SystemClock(), ids=RandomIds())
        rows = [row for row in scenarios(seeded, folder) if row.target is Target.BARE or only in row.name]
        one = [row for row in rows if row.target is not Target.TWO_WORKERS]
        two = [row for row in rows if row.target is Target.TWO_WORKERS]
        async with AsyncExitStack() as running:
            bare = await running.enter_async_context(bare_server(core=cores.service, log=folder / "bare.log"))
            served = await running.enter_async_context(
                service(
                    stack.config,
                    cores=(cores.service,),
                    workers=1,
                    log=folder / "service.log",
                    environment=UNGUARDED,
                )
            )
            idle_mib = resident_mib(served.pids)
            bench = _Bench(folder, cores, seconds)
            for row in one:
                await bench.measure(row, bare if row.target is Target.BARE else served)
        if two:
            async with service(stack.config, cores=cores.both, workers=2, log=folder / "service2.log") as both:
                for row in two:
                    await bench.measure(row, both)
    machine = Machine(
        cores=len(cores.both),
        python=platform.python_version(),
        processor=_processor(),
        load_average=os.getloadavg()[0],
        seconds_per_row=seconds,
    )
    return Report(machine=machine, rows=bench.rows(), ready_seconds=served.ready_seconds, idle_resident_mib=idle_mib)


class _Bench:
    """Measures scenarios one after the other and remembers."""

    def __init__(self, folder: Path, cores: Cores, seconds: int) -> None:
        self._folder = folder
        self._cores = cores
        self._seconds = seconds
        self._samples: dict[str, list[_Sample]] = defaultdict(list)
        self._bare = ""

    async def measure(self, scenario: Scenario, server: Server) -> None:
        """Warm up and measure. A scenario that comes again is averaged."""
        _say(scenario.name)
        await check(scenario, server.url)
        if scenario.target is Target.BARE:
            self._bare = scenario.name
        if not scenario.once:
            await self._load(scenario, server, WARM_UP_SECONDS)
        before = cpu_seconds(server.pids)
        measured = await self._load(scenario, server, UNSEEN_SECONDS if scenario.once else self._seconds)
        if scenario.refused:
            measured = replace(measured, errors=measured.requests - measured.errors)
        used = cpu_seconds(server.pids) - before
        if scenario.once and measured.requests >= UNSEEN_PER_SECOND * UNSEEN_SECONDS:
            raise LoadFailed(f"{scenario.name}: the keys ran out; raise UNSEEN_PER_SECOND")
        self._samples[scenario.name].append(
            _Sample(
                measured=measured,
                cpu_us=used / max(measured.requests, 1) * 1e6,
                resident_mib=resident_mib(server.pids),
            )
        )

    async def _load(self, scenario: Scenario, server: Server, seconds: int) -> Measured:
        if scenario.target is Target.HTTP2:
            url = f"http://127.0.0.1:{server.http2_port}"
            log = self._folder / "h2load.log"
            return await run_h2load(url, scenario.request, seconds=seconds, core=self._cores.load, log=log)
        cores = self._cores.both if scenario.target is Target.TWO_WORKERS else (self._cores.load,)
        return await run_wrk(server.url, scenario.request, seconds=seconds, cores=cores)

    def rows(self) -> list[Row]:
        """Return a row per scenario in the order of their first measurement."""
        bare = self._samples[self._bare]
        return [_row(name, samples, bare) for name, samples in self._samples.items()]


def _row(name: str, samples: list[_Sample], bare: list[_Sample]) -> Row:
    rate = mean(_rate(sample.measured) for sample in samples)
    cpu_us = mean(sample.cpu_us for sample in samples)
    return Row(
        name=name,
        per_second=rate,
        p50_ms=mean(sample.measured.p50_ms for sample in samples),
        p99_ms=max(sample.measured.p99_ms for sample in samples),
        errors=sum(sample.measured.errors for sample in samples),
        cpu_us=cpu_us,
        resident_mib=max(sample.resident_mib for sample in samples),
        ratio=rate / mean(_rate(sample.measured) for sample in bare),
        cpu_ratio=mean(sample.cpu_us for sample in bare) / cpu_us,
    )


def _rate(measured: Measured) -> float:
    return measured.requests / measured.seconds


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
