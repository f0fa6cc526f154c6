"""`python -m tools.mutation trace|run`."""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from tools.mutation.databases import Databases
from tools.mutation.mutants import Mutant, find_mutants
from tools.mutation.running import Outcome, Verdict, Worker
from tools.mutation.tracing import Trace, read_trace, trace

FOLDERS = ("areas/keys", "areas/rootkeys", "areas/permissions", "areas/identities", "auth")
REPORT = Path("build/mutation/report.json")
GOAL = 0.9
HEAVY = (
    "pytest",
    "aiomysql",
    "coredis",
    "connectrpc",
    "orjson",
    "prometheus_client",
    "structlog",
    "cryptography.x509",
)
"""What every test session needs and no fault is planted in: loaded once, before the fork."""


def main() -> int:
    """Return 0 when as many faults as wanted were noticed."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("trace", help="find out which tests run which lines")
    run = commands.add_parser("run", help="plant faults and run the tests that cover them")
    run.add_argument("--sample", type=int, default=500)
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    return trace() if chosen.command == "trace" else _run(chosen.sample, chosen.seed, chosen.workers)


def _run(sample: int, seed: int, workers: int) -> int:
    tree, known = Path.cwd(), read_trace()
    mutants = list(_sampled(tree, sample, seed))
    print(f"{len(mutants)} faults, {workers} at a time", flush=True)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="unkey-mutation-", dir="/tmp") as folder:
        fork = get_context("fork")
        queue, done = fork.Queue(), fork.Queue()
        planting: list[BaseProcess] = []
        for mutant in mutants:
            queue.put(mutant)
        for number in range(workers):
            queue.put(None)
            arguments = (tree, Path(folder) / str(number), known, queue, done)
            planting.append(fork.Process(target=_work, args=arguments, daemon=False))
            planting[-1].start()
        for number in range(1, len(mutants) + 1):
            outcome = done.get()
            outcomes.append(outcome)
            _say(number, len(mutants), outcome)
        for process in planting:
            process.join()  # it ends its server, whose folder goes with this block
    REPORT.write_text(json.dumps([asdict(each) for each in outcomes], indent=1), encoding="utf-8")
    return _summary(outcomes)


def _work(tree: Path, copy: Path, known: Trace, queue: object, done: object) -> None:
    for name in HEAVY:
        importlib.import_module(name)
    copy.mkdir()
    databases = Databases(tree, copy / "mysql")
    worker = Worker(tree, copy, databases)
    while (mutant := queue.get()) is not None:  # type: ignore[attr-defined] # queues of a context have no public type
        done.put(worker.judge(mutant, known))  # type: ignore[attr-defined] # the same
    databases.close()


def _sampled(tree: Path, count: int, seed: int) -> Iterator[Mutant]:
    """Draw without repetition; what would not even compile is no fault and is drawn again."""
    everything = find_mutants(tree, [f"unkey_api/{name}" for name in FOLDERS])
    drawn = random.Random(seed).sample(everything, len(everything))  # noqa: S311 - a sample that can be drawn again
    left = count
    for mutant in drawn:
        source = (tree / mutant.path).read_text(encoding="utf-8")
        planted = mutant.plant(source)
        if left and planted != source and (mutant.path.endswith(".sql") or _compiles(planted)):
            left -= 1
            yield mutant


def _compiles(text: str) -> bool:
    try:
        compile(text, "planted", "exec")
    except SyntaxError:
        return False
    return True


def _say(number: int, of: int, outcome: Outcome) -> None:
    each = outcome.mutant
    print(f"{number}/{of} {outcome.verdict} {each.path}:{each.line} {each.operator}", flush=True)
    if outcome.verdict is not Verdict.KILLED:
        print(f"    - {outcome.before}\n    + {outcome.after}   ({outcome.tests} tests)", flush=True)


def _summary(outcomes: list[Outcome]) -> int:
    verdicts = Counter(each.verdict for each in outcomes)
    share = verdicts[Verdict.KILLED] / len(outcomes)
    print(f"\nkilled {share:.1%}: {', '.join(f'{count} {verdict}' for verdict, count in verdicts.items())}")
    return 0 if share >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
