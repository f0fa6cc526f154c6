"""Load for minutes on end: memory has to stay where it is and nobody may get an error."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.load import LoadFailed, Measured, run_h2load, run_wrk
from benchmarks.machine import choose_cores, resident_mib
from benchmarks.scenarios import Scenario, Target, check, scenarios
from benchmarks.seeding import seed
from benchmarks.servers import Server, service, stores
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds

SETTLE_SECONDS = 60  # caches and buffers fill up first
SAMPLE_SECONDS = 1.0
WINDOW_SECONDS = 20
CONNECTIONS = 8  # of each load, six of which come together
LOG_LINES = 10  # of the service, shown at the end
TOLERANCE = 0.05
NAMES = (
    "verify /v2 JSON",
    "verify Connect JSON",
    "verify, one rate limit",
    "verify, credits",
    "limit, 10,000 identifiers",
    "verify /v2 over HTTP/2",
)
"""What is sent, all of it at the same time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory at a moment."""

    seconds: float
    """Since the load began."""
    mib: float


async def soak(*, seconds: int) -> None:
    """Load one worker for that long and print how its memory went.

    Raises:
        LoadFailed: There was an error, or memory left its band after the first minute.
    """
    cores = choose_cores()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unkey-soak-")))
        running = await stack.enter_async_context(stores(folder, core=cores.load))
        seeded = await seed(running, unseen=1, clock=SystemClock(), ids=RandomIds())
        rows = [row for row in scenarios(seeded, folder) if row.name in NAMES]
        server = await stack.enter_async_context(
            service(running.config, cores=(cores.service,), workers=1, log=folder / "service.log")
        )
        for row in rows:
            await check(row, server.url)
        loads = [asyncio.create_task(_load(row, server, folder, seconds, core=cores.load)) for row in rows]
        samples = await _watch(server, loads)
        measured = [await load for load in loads]
        log = (folder / "service.log").read_text().splitlines()
    _report(rows, measured, samples, log)
    _judge(measured, samples)


async def _load(row: Scenario, server: Server, folder: Path, seconds: int, *, core: int) -> Measured:
    if row.target is Target.HTTP2:
        url = f"http://127.0.0.1:{server.http2_port}"
        return await run_h2load(url, row.request, seconds=seconds, core=core, log=folder / "h2load.log")
    return await run_wrk(server.url, row.request, seconds=seconds, cores=(core,), connections=CONNECTIONS)


async def _watch(server: Server, loads: Sequence[asyncio.Task[Measured]]) -> list[Sample]:
    began = time.monotonic()
    samples = []
    while not all(load.done() for load in loads):
        samples.append(Sample(time.monotonic() - began, resident_mib(server.pids)))
        await asyncio.wait(loads, timeout=SAMPLE_SECONDS, return_when=asyncio.ALL_COMPLETED)
    return samples


def _report(
    rows: Sequence[Scenario], measured: Sequence[Measured], samples: Sequence[Sample], log: Sequence[str]
) -> None:
    for row, seen in zip(rows, measured, strict=True):
        print(
            f"  {row.name:28} {seen.requests:>10,} requests, {seen.requests / seen.seconds:>7,.0f}/s, "
            f"p99 {seen.p99_ms:.1f} ms, {seen.errors} errors"
        )
    print(f"  resident memory every {SETTLE_SECONDS // 2} s, MiB:", end="")
    due = 0.0
    for sample in samples:
        if sample.seconds >= due:
            print(f" {sample.mib:.0f}", end="")
            due += SETTLE_SECONDS / 2
    print(f"\n  the last of {len(log)} lines in the log of the service:")
    for line in log[-LOG_LINES:]:
        print(f"    {line[:200]}")


def _judge(measured: Sequence[Measured], samples: Sequence[Sample]) -> None:
    if errors := sum(seen.errors for seen in measured):
        raise LoadFailed(f"{errors} requests failed")
    windows = _windows(samples)
    if not windows:
        raise LoadFailed(f"memory is judged after {SETTLE_SECONDS} s; let the load last longer")
    middle, low, high = median(windows), min(windows), max(windows)
    print(
        f"  after the first minute: median {middle:.1f} MiB, in windows of {WINDOW_SECONDS} s {low:.1f} to {high:.1f}"
    )
    if low < middle * (1 - TOLERANCE) or high > middle * (1 + TOLERANCE):
        raise LoadFailed(f"memory left its band of {TOLERANCE:.0%} around the median")


def _windows(samples: Sequence[Sample]) -> list[float]:
    """Return the median of each window after the first minute: batches on their way to ClickHouse come and go."""
    grouped: dict[int, list[float]] = {}
    for sample in samples:
        if sample.seconds >= SETTLE_SECONDS:
            grouped.setdefault(int(sample.seconds // WINDOW_SECONDS), []).append(sample.mib)
    return [median(group) for group in grouped.values()]
