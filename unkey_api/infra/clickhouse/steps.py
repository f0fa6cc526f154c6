"""The rollups of compute, whose steps differ in length, in how long they are kept, and in hardly anything else.

Each kind has one text for its tables and one for its views, in `schema/steps`, into which the step is filled; so has
the usage of instances, which is reckoned again at two paces. As with all rollups, one that exists is left as it is for
ever, so what is made here never changes for a version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import NamedTuple

_TIME = "toDateTime(fromUnixTimestamp64Milli(source.ts))"
_SUM_COLUMN = "    `memory_bytes_sum` SimpleAggregateFunction(sum, Int64),\n"
_SUM_VALUE = "    sum(source.memory_bytes) AS memory_bytes_sum,\n"


class Step(NamedTuple):
    """One length of the rows of a kind of rollup."""

    kind: str
    step: str
    kept: int
    """Days."""
    begin: str
    """The beginning of the step in which a row of the source is."""
    finer: str = ""
    """The step that it is made of; empty where the source is the same for all."""
    partition: str = "toYYYYMM"
    sums: bool = False
    """Whether memory is also added up, for averages over a few rows."""

    def filled_in(self, text: str) -> str:
        """Return the statement of this step from the text of its kind."""
        values = {
            "step": self.step,
            "kept": str(self.kept),
            "begin": self.begin,
            "finer": self.finer,
            "partition": self.partition,
            "sum_column": _SUM_COLUMN if self.sums else "",
            "sum_value": _SUM_VALUE if self.sums else "",
        }
        return _filled(text, values)


class Usage(NamedTuple):
    """A view that reckons usage again by the clock, because readings come late."""

    name: str
    scope: str
    """For people."""
    every: str
    back: str
    """How far it looks back."""

    def statement(self) -> str:
        """Return the statement."""
        return _filled(_read("instance_usage_view"), self._asdict())


STEPS = (
    Step("instance_resources", "15s", 7, f"toStartOfInterval({_TIME}, INTERVAL 15 SECOND)", sums=True),
    Step("instance_resources", "minute", 30, f"toStartOfMinute({_TIME})", sums=True),
    Step("instance_resources", "hour", 90, f"toStartOfHour({_TIME})"),
    Step("instance_resources", "day", 365, f"toStartOfDay({_TIME})"),
    Step("instance_resources", "month", 1825, f"toDateTime(toStartOfMonth({_TIME}))", partition="toYear"),
    Step("frontline_requests", "minute", 14, ""),  # made of the raw table by a view of its own, which is a file
    Step("frontline_requests", "5m", 30, "toStartOfInterval(source.time, INTERVAL 5 MINUTE)", finer="minute"),
    Step("frontline_requests", "15m", 30, "toStartOfInterval(source.time, INTERVAL 15 MINUTE)", finer="5m"),
    Step("frontline_requests", "hour", 90, "toStartOfHour(source.time)", finer="15m"),
    Step("frontline_requests", "day", 365, "toStartOfDay(source.time)", finer="hour"),
)
USAGE = (
    Usage("instance_usage_per_hour_mv_v1", "the last day, every quarter of an hour.", "15 MINUTE", "25 HOUR"),
    Usage(
        "instance_usage_per_hour_catchup_mv_v1",
        "the last week, every six hours, for what came late.",
        "6 HOUR OFFSET 7 MINUTE",
        "7 DAY",
    ),
)


def step_tables() -> Iterator[tuple[str, str]]:
    """Yield name and statement of each table."""
    for each in STEPS:
        yield f"{each.kind}_per_{each.step}_v1", each.filled_in(_read(f"{each.kind}_table"))


def step_views() -> Iterator[tuple[str, str]]:
    """Yield name and statement of each view."""
    for each in STEPS:
        if each.begin:
            yield f"{each.kind}_per_{each.step}_mv_v1", each.filled_in(_read(f"{each.kind}_view"))
    for usage in USAGE:
        yield usage.name, usage.statement()


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _read(name: str) -> str:
    return files("unkey_api.infra.clickhouse").joinpath("schema", "steps", f"{name}.sql").read_text()
