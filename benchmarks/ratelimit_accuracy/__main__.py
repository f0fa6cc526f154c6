"""Put every case to real processes and print what was admitted. Ends with 1 when a case is out of bounds.

python -m benchmarks.ratelimit_accuracy [--quick] [--paced]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.ratelimit_accuracy.cases import Case, alone, at_once, few, spread
from benchmarks.ratelimit_accuracy.drive import Outcome, processes, put
from tests.support.redis import RedisServer


def run(cases: Iterable[Case], url: str, *, paced: bool = False) -> list[Outcome]:
    """Put the cases, one after the other, each to processes of its own counters; `paced` as for `drive.put`."""
    cases = list(cases)
    with processes(url, max(case.processes for case in cases)) as nodes:
        return [put(case, nodes, number, paced=paced) for number, case in enumerate(cases)]


def show(outcomes: Iterable[Outcome]) -> None:
    """Print one line per case."""
    table = Table(title="Accuracy of limits over processes that share a Redis", title_justify="left")
    names = (
        "processes",
        "limit",
        "per s",
        "load",
        "asked",
        "expected",
        "admitted",
        "over %",
        "under %",
        "bounds",
        "s",
        "",
    )
    for name in names:
        table.add_column(name, justify="right")
    for each in outcomes:
        case = each.case
        low, high = case.bounds
        table.add_row(
            f"{case.processes}{' at once' if case.free else ''}",
            f"{case.limit:,}",
            str(case.duration_s),
            str(case.load),
            f"{each.asked:,}",
            f"{case.ideal:,}",
            f"{each.admitted:,}",
            f"{100 * each.over:.1f}",
            f"{100 * each.under:.1f}",
            f"{low:,}..{high:,}",
            f"{each.seconds:.1f}",
            "ok" if each.within else "OUT",
        )
    Console(width=130).print(table)


def main() -> int:
    """Run and return the exit status."""
    cases = few() if "--quick" in sys.argv else [*alone(), *spread(), *at_once()]
    with tempfile.TemporaryDirectory(prefix="unkey-accuracy-") as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            outcomes = run(cases, server.url, paced="--paced" in sys.argv)
        finally:
            server.stop()
    show(outcomes)
    return 0 if all(each.within for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
