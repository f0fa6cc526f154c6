"""`python -m benchmarks run|compare|profile|soak|revocation|observability`; the Makefile has a target for each."""

from __future__ import annotations

import argparse
import asyncio
import sys

from benchmarks.against import against
from benchmarks.load import LoadFailed
from benchmarks.observability import observability
from benchmarks.profiling import profile
from benchmarks.report import BASELINE, LATEST, Report, show, show_change
from benchmarks.revocation import ROUNDS, SAME_NODE_ROUNDS, revocation
from benchmarks.run import run
from benchmarks.soak import soak

SECONDS = 6
QUICK_SECONDS = 2
PROFILE_SECONDS = 8
SOAK_SECONDS = 600


def main() -> int:
    """Do what the command line says. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("run", help="measure everything and print a table")
    measure.add_argument("--quick", action="store_true", help="two seconds per row: rough figures in under a minute")
    measure.add_argument("--only", default="", help="just the rows whose names hold this text, and the bare echo")
    measure.add_argument("--against", default="", metavar="REVISION", help="alternate with another revision of git")
    commands.add_parser("compare", help="show the last run against the committed baseline")
    sample = commands.add_parser("profile", help="sample the worker under load; writes a flame graph into build/")
    sample.add_argument("scenario", nargs="?", default="verify /v2 JSON", help="a row of the table")
    long = commands.add_parser("soak", help="load for minutes; fails when memory grows or a request does")
    long.add_argument("--seconds", type=int, default=SOAK_SECONDS)
    taken = commands.add_parser("revocation", help="how soon three processes refuse what one of them revoked")
    taken.add_argument("--rounds", type=int, default=ROUNDS, help="of each kind, on all three")
    taken.add_argument("--same-node-rounds", type=int, default=SAME_NODE_ROUNDS, help="on the one that revokes")
    commands.add_parser("observability", help="what logs, metrics, traces and rows cost")
    arguments = parser.parse_args()
    try:
        if arguments.command == "run":
            seconds = QUICK_SECONDS if arguments.quick else SECONDS
            if arguments.against:
                asyncio.run(against(arguments.against, seconds=seconds, only=arguments.only))
            else:
                _measure(seconds, only=arguments.only)
        elif arguments.command == "profile":
            print(f"\n{asyncio.run(profile(arguments.scenario, seconds=PROFILE_SECONDS))}")
        elif arguments.command == "soak":
            asyncio.run(soak(seconds=arguments.seconds))
        elif arguments.command == "revocation":
            asyncio.run(revocation(rounds=arguments.rounds, same_node_rounds=arguments.same_node_rounds))
        elif arguments.command == "observability":
            asyncio.run(observability())
        else:
            show_change(Report.load(BASELINE), Report.load(LATEST))
    except LoadFailed as err:
        print(f"benchmark cannot go on: {err}", file=sys.stderr)
        return 1
    except FileNotFoundError as err:
        print(f"{err.filename} is missing; `make bench` writes it", file=sys.stderr)
        return 1
    return 0


def _measure(seconds: int, *, only: str) -> None:
    report = asyncio.run(run(seconds=seconds, only=only))
    if not only:
        report.save(LATEST)
    show(report)


if __name__ == "__main__":
    sys.exit(main())
