"""Where the CPU time of a request goes: a sampling profiler on the worker while it is under load."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import LoadFailed, run_h2load, run_wrk
from benchmarks.machine import choose_cores
from benchmarks.run import WARM_UP_SECONDS
from benchmarks.scenarios import Scenario, Target, check, scenarios
from benchmarks.seeding import seed
from benchmarks.servers import Server, service, stores
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.dev.ports import LOOPBACK

BUILD = Path(__file__).parent.parent / "build"
SAMPLES_PER_SECOND = 500
LINES = 25  # of each list that is printed
LOOP = "Runner.run (asyncio/runners.py)"
OURS = "unkey_api/"


async def profile(name: str, *, seconds: int) -> Path:
    """Sample the worker while scenario `name` runs; print where the time went and return the flame graph's path.

    Raises:
        LoadFailed: There is no such scenario, or the profiler could not attach.
    """
    cores = choose_cores()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unkey-profile-")))
        running = await stack.enter_async_context(stores(folder, core=cores.load))
        seeded = await seed(running, unseen=1, clock=SystemClock(), ids=RandomIds())
        scenario = _find(name, scenarios(seeded, folder))
        server = await stack.enter_async_context(
            service(running.config, cores=(cores.service,), workers=1, log=folder / "service.log")
        )
        await check(scenario, server.url)
        loader = _Loader(scenario=scenario, server=server, core=cores.load, log=folder / "h2load.log")
        await loader.load(WARM_UP_SECONDS)
        # The load outlasts the samples by a little, so that none is taken of an idle worker.
        load = asyncio.create_task(loader.load(seconds + WARM_UP_SECONDS))
        stacks = await _sample(server, seconds, folder / "stacks.txt", form="raw")
        await load
        graph = await _graph(loader, seconds)
    _print_shares(stacks)
    return graph


def _find(name: str, rows: Sequence[Scenario]) -> Scenario:
    known = {row.name: row for row in rows if row.target in {Target.SERVICE, Target.HTTP2} and not row.once}
    if name not in known:
        raise LoadFailed(f"no scenario {name!r}; there are: {', '.join(known)}")
    return known[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loader:
    """Puts a server under the load of one scenario."""

    scenario: Scenario
    server: Server
    core: int
    log: Path
    """Scratch space."""

    async def load(self, seconds: int) -> None:
        """Return when that time is over."""
        request = self.scenario.request
        if self.scenario.target is Target.HTTP2:
            url = f"http://{LOOPBACK}:{self.server.http2_port}"
            await run_h2load(url, request, seconds=seconds, core=self.core, log=self.log)
        else:
            await run_wrk(self.server.url, request, seconds=seconds, cores=(self.core,))


async def _graph(loader: _Loader, seconds: int) -> Path:
    BUILD.mkdir(exist_ok=True)
    graph = BUILD / f"profile-{''.join(c if c.isalnum() else '-' for c in loader.scenario.name.lower())}.svg"
    load = asyncio.create_task(loader.load(seconds + WARM_UP_SECONDS))
    await _sample(loader.server, seconds, graph, form="flamegraph")
    await load
    return graph


async def _sample(server: Server, seconds: int, file: Path, *, form: str) -> str:
    profiler = Path(sys.executable).with_name("py-spy")
    command = [
        *(str(profiler), "record", "--pid", str(server.pids[0]), "--duration", str(seconds)),
        *("--rate", str(SAMPLES_PER_SECOND), "--format", form, "--output", str(file)),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    if process.returncode:
        raise LoadFailed(f"py-spy could not attach:\n{output}")
    return file.read_text()


def _print_shares(stacks: str) -> None:
    """Print the share of samples in which each function ran itself, and in which it or something it called did.

    And, per file of the service, in which it ran or something it called that is not of the service: so much is the step
    that the file is on the way of a request.
    """
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    steps: Counter[str] = Counter()
    total = 0
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [_function(frame) for frame in frames.split(";")]
        if LOOP not in names:
            continue  # helper threads wait for work; the profiler cannot always tell
        names = names[names.index(LOOP) :]  # below it are the frames of the start
        own[names[-1]] += int(count)
        within.update(dict.fromkeys(names, int(count)))
        steps[_step(names)] += int(count)
        total += int(count)
    for title, counts, lines in (
        ("in the function itself", own, LINES),
        ("in it and what it calls", within, LINES),
        ("in a file and what it calls outside of the service", steps, None),
    ):
        print(f"\n{title}, of {total} samples:")
        for name, samples in counts.most_common(lines):
            print(f"  {samples / total:6.1%}  {name}")


def _step(names: Sequence[str]) -> str:
    """Return the file of the innermost function of the service, or the loop's, which calls them all."""
    files = (name.rpartition("(")[2].rstrip(")") for name in reversed(names))
    return next((file for file in files if file.startswith(OURS)), "the event loop")


def _function(frame: str) -> str:
    """Drop the line number."""
    return frame.rpartition(":")[0] + ")" if ":" in frame else frame
