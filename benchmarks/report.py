"""The table, the file, and the difference between two runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

LATEST = Path(__file__).parent / "latest.json"
BASELINE = Path(__file__).parent / "baseline.json"
REFUSED = "verify, unauthorized"
ALLOWED = "verify /v2 JSON"
_NUMBERS = ("requests/s", "p50 ms", "p99 ms", "errors", "CPU µs", "RSS MiB", "of echo", "CPU of echo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One scenario."""

    name: str
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_us: float
    """CPU time of the server's processes per request."""
    resident_mib: float
    """Of the server's processes, after the load."""
    ratio: float
    """Of the bare echo's rate in the same run."""
    cpu_ratio: float
    """The bare echo's CPU time per request over this one's: what `ratio` would be if nobody else used the cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a run took place."""

    cores: int
    python: str
    processor: str
    load_average: float
    """Of the last minute of the run; well above the number of cores means that others were at work."""
    seconds_per_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run."""

    machine: Machine
    rows: list[Row]
    ready_seconds: float
    """From the start of the service to its first answer."""
    idle_resident_mib: float
    """Memory of a worker that has not been asked anything yet."""

    def save(self, file: Path) -> None:
        """Write the run as JSON."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, file: Path) -> Report:
        """Read a run. Raises `OSError` when there is none."""
        tree = json.loads(file.read_text())
        return cls(
            machine=Machine(**tree["machine"]),
            rows=[Row(**row) for row in tree["rows"]],
            ready_seconds=tree["ready_seconds"],
            idle_resident_mib=tree["idle_resident_mib"],
        )


def show(report: Report) -> None:
    """Print the table."""
    table = _table(f"{report.machine.processor}, Python {report.machine.python}", *_NUMBERS)
    for row in report.rows:
        table.add_row(
            row.name,
            f"{row.per_second:,.0f}",
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            str(row.errors),
            f"{row.cpu_us:.1f}",
            f"{row.resident_mib:.0f}",
            f"{row.ratio:.3f}",
            f"{row.cpu_ratio:.3f}",
        )
    _print(table)
    print(
        f"ready after {report.ready_seconds:.2f} s, idle worker {report.idle_resident_mib:.0f} MiB, "
        f"{report.machine.seconds_per_row} s per row, load average {report.machine.load_average:.1f}"
    )
    cost = {row.name: row.cpu_us for row in report.rows}
    if REFUSED in cost and ALLOWED in cost:
        print(f"a refusal (401) takes {cost[REFUSED] / cost[ALLOWED]:.2f} times the CPU of a verification")


def show_change(before: Report, after: Report) -> None:
    """Print how a run differs from an earlier one; rates of different machines do not compare, ratios nearly do."""
    table = _table("against the baseline", "requests/s", "change", "CPU µs", "change", "CPU of echo", "change")
    known = {row.name: row for row in before.rows}
    for row in after.rows:
        old = known.get(row.name)
        cells = [(row.per_second, ",.0f"), (row.cpu_us, ".1f"), (row.cpu_ratio, ".3f")]
        changes = ["new"] * 3
        if old is not None:
            changes = [_change(*pair) for pair in _pairs(old, row)]
        shown = [(f"{value:{form}}", change) for (value, form), change in zip(cells, changes, strict=True)]
        table.add_row(row.name, *(text for pair in shown for text in pair))
    _print(table)
    print(
        f"ready after {after.ready_seconds:.2f} s (was {before.ready_seconds:.2f}), "
        f"idle worker {after.idle_resident_mib:.0f} MiB (was {before.idle_resident_mib:.0f})"
    )


def _pairs(old: Row, new: Row) -> list[tuple[float, float]]:
    return [(old.per_second, new.per_second), (old.cpu_us, new.cpu_us), (old.cpu_ratio, new.cpu_ratio)]


def _change(old: float, new: float) -> str:
    return f"{(new / old - 1) * 100:+.1f} %" if old else "new"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("scenario")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _print(table: Table) -> None:
    Console(width=120).print(table)
