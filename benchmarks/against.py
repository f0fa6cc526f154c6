"""Two revisions in one run: the same keys, the same stores, the same minute.

Figures of two runs differ by what else the machine did. Here both services are up at once, on the same core, and are
loaded in turn, so that whatever disturbs one disturbs the other.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.load import LoadFailed, Measured, require_tools, run_h2load, run_wrk
from benchmarks.machine import Cores, choose_cores, cpu_seconds
from benchmarks.scenarios import Scenario, Target, check, scenarios
from benchmarks.seeding import seed
from benchmarks.servers import ROOT, UNGUARDED, Server, bare_server, service, stores
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds

WARM_UP_SECONDS = 1
TURNS = ("then", "now", "now", "then")  # a drift of the machine hits both
WIDTH = 120


@dataclass(slots=True)
class _Side:
    """What one revision did in one scenario, over all of its turns."""

    requests: int = 0
    cpu_seconds: float = 0.0
    errors: int = 0

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds / max(self.requests, 1) * 1e6


@dataclass(slots=True)
class _Row:
    name: str
    then: _Side = field(default_factory=_Side)
    now: _Side = field(default_factory=_Side)

    def side(self, turn: str) -> _Side:
        return self.then if turn == "then" else self.now


@dataclass(frozen=True, slots=True)
class _Revision:
    service: Server
    bare: Server


async def against(revision: str, *, seconds: int, only: str = "") -> None:
    """Measure the working tree and another revision in turns; print CPU per request of both, and their ratio.

    Raises:
        LoadFailed: A tool is missing, git does not know the revision, or an answer was no success. The other
            revision has to work with the database of this one.
    """
    require_tools()
    folder = Path(tempfile.mkdtemp(prefix="unkey-bench-"))
    try:
        async with _checked_out(revision, folder / "then") as tree:
            _show(revision, await _run(folder, tree, choose_cores(), seconds=seconds, only=only))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _checked_out(revision: str, folder: Path) -> AsyncIterator[Path]:
    await _git("worktree", "add", "--quiet", "--detach", str(folder), revision)
    try:
        yield folder
    finally:
        await _git("worktree", "remove", "--force", str(folder))


async def _git(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "git", "-C", str(ROOT), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise LoadFailed(f"git {' '.join(arguments)}: {output.decode().strip()}")


async def _run(folder: Path, tree: Path, cores: Cores, *, seconds: int, only: str) -> list[_Row]:
    async with stores(folder / "data", core=cores.load) as stack, AsyncExitStack() as running:
        seeded = await seed(stack, unseen=1, clock=SystemClock(), ids=RandomIds())
        sides = {
            name: _Revision(
                await running.enter_async_context(
                    service(
                        stack.config,
                        cores=(cores.service,),
                        workers=1,
                        log=folder / f"{name}.log",
                        environment=UNGUARDED,
                        tree=root,
                    )
                ),
                await running.enter_async_context(
                    bare_server(core=cores.service, log=folder / f"{name}-bare.log", tree=root)
                ),
            )
            for name, root in (("then", tree), ("now", ROOT))
        }
        rows = {row.name: row for row in scenarios(seeded, folder) if _comparable(row) and only in row.name}
        return [await _alternate(row, sides, folder, cores, seconds) for row in rows.values()]


def _comparable(scenario: Scenario) -> bool:
    """Leave out what can be sent once only, and what needs other processes."""
    return not scenario.once and scenario.target is not Target.TWO_WORKERS


async def _alternate(scenario: Scenario, sides: dict[str, _Revision], folder: Path, cores: Cores, seconds: int) -> _Row:
    row = _Row(scenario.name)
    for turn in TURNS:
        server = sides[turn].bare if scenario.target is Target.BARE else sides[turn].service
        print(f"  {scenario.name}, {turn}", file=sys.stderr, flush=True)
        await check(scenario, server.url)
        await _load(scenario, server, folder, cores, WARM_UP_SECONDS)
        side = row.side(turn)
        before = cpu_seconds(server.pids)
        measured = await _load(scenario, server, folder, cores, seconds)
        side.cpu_seconds += cpu_seconds(server.pids) - before
        side.requests += measured.requests
        side.errors += measured.errors
    return row


async def _load(scenario: Scenario, server: Server, folder: Path, cores: Cores, seconds: int) -> Measured:
    if scenario.target is Target.HTTP2:
        url = f"http://127.0.0.1:{server.http2_port}"
        return await run_h2load(url, scenario.request, seconds=seconds, core=cores.load, log=folder / "h2load.log")
    return await run_wrk(server.url, scenario.request, seconds=seconds, cores=(cores.load,))


def _show(revision: str, rows: list[_Row]) -> None:
    table = Table(title=f"CPU per request, {revision} and the working tree", title_justify="left")
    table.add_column("scenario")
    for column in (f"{revision} µs", "now µs", "now / then", "errors"):
        table.add_column(column, justify="right")
    for row in rows:
        ratio = row.now.cpu_us / row.then.cpu_us if row.then.cpu_us else 0.0
        table.add_row(
            row.name,
            f"{row.then.cpu_us:.1f}",
            f"{row.now.cpu_us:.1f}",
            f"{ratio:.2f}",
            str(row.then.errors + row.now.errors),
        )
    Console(width=WIDTH).print(table)
