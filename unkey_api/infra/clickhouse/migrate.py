"""The schema: tables and views that are missing are created, an existing database is left as it is.

Raw tables are files of SQL. The rollups of them per minute, hour, day and month are made here: a table each, and a view
that fills it. A rollup that exists is left as it is for ever, so a change of a description is a new version of its
tables. A test holds what is made here against what has been released.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

import structlog

from unkey_api.infra.clickhouse.client import ClickHouseClient, ClickHouseRefused
from unkey_api.infra.clickhouse.steps import step_tables, step_views

COUNTED = "SimpleAggregateFunction(sum, Int64)"


class Period(NamedTuple):
    """How long a row of a rollup is."""

    name: str
    type: str
    """Of the column `time`."""
    begin: str
    """The beginning of the period in which a row of the source is."""


PERIODS = (
    Period("minute", "DateTime", "toStartOfMinute(fromUnixTimestamp64Milli(source.time))"),
    Period("hour", "DateTime", "toStartOfHour(source.time)"),
    Period("day", "Date", "toDate(source.time)"),
    Period("month", "Date", "toStartOfMonth(source.time)"),
)


class Column(NamedTuple):
    """A dimension."""

    name: str
    type: str = "String"


class Measure(NamedTuple):
    """Something that is added up."""

    name: str
    type: str
    from_raw: str
    """How it is made of raw rows."""
    from_finer: str
    """How it is made of rows of a finer rollup."""


def counted(name: str, from_raw: str) -> Measure:
    """Return a measure that is a number."""
    return Measure(name, COUNTED, from_raw, f"sum(source.{name})")


LATENCY = (
    Measure(
        "latency_avg",
        "AggregateFunction(avg, Float64)",
        "avgState(source.latency)",
        "avgMergeState(source.latency_avg)",
    ),
    *(
        Measure(
            f"latency_p{percent}",
            f"AggregateFunction(quantilesTDigest(0.{percent}), Float64)",
            f"quantilesTDigestState(0.{percent})(source.latency)",
            f"quantilesTDigestMergeState(0.{percent})(source.latency_p{percent})",
        )
        for percent in (75, 99)
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The rollups of one raw table."""

    title: str
    name: str
    raw: str
    version: int
    engine: str
    dimensions: tuple[Column, ...]
    measures: tuple[Measure, ...]
    indexes: tuple[str, ...]
    granularity: int
    """Granules per entry of an index."""
    order: str
    """Sorting key."""
    grouped: str
    """What a view groups by."""
    kept: tuple[str, str, str, str]
    """For how long, by period."""
    partitions: tuple[str, str, str, str] | None = None
    """What a table is partitioned by, by period; None for one partition."""

    def table_name(self, period: Period) -> str:
        """Return the name of a table."""
        return f"{self.name}_per_{period.name}_v{self.version}"

    def tables(self) -> Iterator[tuple[str, str]]:
        """Yield name and statement of each table."""
        for place, period in enumerate(PERIODS):
            name = self.table_name(period)
            yield name, self._table(name, period, place)

    def views(self) -> Iterator[tuple[str, str]]:
        """Yield name and statement of each view."""
        source = self.raw
        for period in PERIODS:
            name, target = f"{self.name}_per_{period.name}_mv_v{self.version}", self.table_name(period)
            yield name, self._view(name, target, source, period.begin)
            source = target

    def _table(self, name: str, period: Period, place: int) -> str:
        columns = (
            Column("time", period.type),
            *self.dimensions,
            *(Column(each.name, each.type) for each in self.measures),
        )
        lines = [f"`{column.name}` {column.type}" for column in columns]
        lines += [f"INDEX idx_{on} {on} TYPE bloom_filter GRANULARITY {self.granularity}" for on in self.indexes]
        partition = f"PARTITION BY {self.partitions[place]}\n" if self.partitions else ""
        return (
            f"-- {self.title} rollup per {period.name}.\n"
            "-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.\n"
            "-- The window keeps a repeated insert into the source from counting twice here, where the server passes"
            " repeats on.\n"
            f"CREATE TABLE IF NOT EXISTS {name} (\n    " + ",\n    ".join(lines) + "\n)\n"
            f"ENGINE = {self.engine}\n{partition}"
            f"ORDER BY ({self.order})\n"
            f"TTL time + INTERVAL {self.kept[place]}\n"
            "SETTINGS non_replicated_deduplication_window = 10000\n"
        )

    def _view(self, name: str, target: str, source: str, begin: str) -> str:
        lines = [f"{begin} AS time", *(f"source.{each.name} AS {each.name}" for each in self.dimensions)]
        for measure in self.measures:
            made = measure.from_raw if source == self.raw else measure.from_finer
            lines.append(f"{made} AS {measure.name}")
        return (
            f"-- Fills {target} from every block inserted into {source}.\n"
            f"CREATE MATERIALIZED VIEW IF NOT EXISTS {name} TO {target} AS\n"
            "SELECT\n    " + ",\n    ".join(lines) + f"\nFROM {source} AS source\nGROUP BY {self.grouped}\n"
        )


FAMILIES = (
    Family(
        title="API request",
        name="api_requests",
        raw="api_requests_raw_v2",
        version=2,
        engine="SummingMergeTree",
        dimensions=(
            Column("workspace_id"),
            Column("path"),
            Column("response_status", "Int32"),
            Column("host"),
            Column("method", "LowCardinality(String)"),
        ),
        measures=(counted("count", "toInt64(count())"),),
        indexes=("host", "path", "method"),
        granularity=1,
        order="workspace_id, time, response_status, host, method, path",
        grouped="workspace_id, path, response_status, host, method, time",
        kept=("7 DAY", "30 DAY", "100 DAY", "3 YEAR"),
    ),
    Family(
        title="Verification",
        name="key_verifications",
        raw="key_verifications_raw_v2",
        version=3,
        engine="AggregatingMergeTree",
        dimensions=(
            *(Column(name) for name in ("workspace_id", "key_space_id", "identity_id", "external_id", "key_id")),
            *(Column(name, "LowCardinality(String)") for name in ("outcome", "source", "app_id")),
            Column("tags", "Array(String)"),
        ),
        measures=(
            counted("count", "toInt64(count())"),
            counted("spent_credits", "sum(source.spent_credits)"),
            *LATENCY,
        ),
        indexes=("identity_id", "key_id", "tags"),
        granularity=4,
        order="workspace_id, time, key_space_id, identity_id, external_id, key_id, outcome, tags, source, app_id",
        grouped="workspace_id, time, key_space_id, identity_id, external_id, key_id, outcome, source, app_id, tags",
        kept=("90 DAY", "90 DAY", "365 DAY", "3 YEAR"),
        partitions=("toYYYYMMDD(time)", "toYYYYMMDD(time)", "toYYYYMM(time)", "toYear(time)"),
    ),
    Family(
        title="Rate-limit",
        name="ratelimits",
        raw="ratelimits_raw_v2",
        version=2,
        engine="AggregatingMergeTree",
        dimensions=(Column("workspace_id"), Column("namespace_id"), Column("identifier")),
        measures=(
            counted("passed", "toInt64(countIf(source.passed))"),
            counted("total", "toInt64(count())"),
            counted("total_tokens", "toInt64(sum(source.tokens))"),
            counted("passed_tokens", "toInt64(sumIf(source.tokens, source.passed))"),
            *LATENCY,
        ),
        indexes=("identifier",),
        granularity=1,
        order="workspace_id, namespace_id, time, identifier",
        grouped="workspace_id, namespace_id, time, identifier",
        kept=("7 DAY", "30 DAY", "100 DAY", "3 YEAR"),
    ),
)


# Servers from before the JSON type was final need to be asked for it; newer ones ignore the wish.
SETTINGS = {"allow_experimental_json_type": 1}
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """A table or a view. One that is no rollup is in a file of its name."""

    name: str
    statement: str

    @property
    def is_scheduled(self) -> bool:
        """Whether the server fills it by the clock, which not every server can."""
        return " REFRESH EVERY " in self.statement


def schema_objects() -> list[SchemaObject]:
    """Return every table, then every view, each kind by name: a view needs its tables."""
    rolled_up = [(list(family.tables()), list(family.views())) for family in FAMILIES]
    tables = [*_read("tables"), *(SchemaObject(*each) for tables, _ in rolled_up for each in tables)]
    views = [*_read("views"), *(SchemaObject(*each) for _, views in rolled_up for each in views)]
    tables += [SchemaObject(*each) for each in step_tables()]
    views += [SchemaObject(*each) for each in step_views()]
    return [*sorted(tables, key=_name), *sorted(views, key=_name)]


def _read(folder: str) -> list[SchemaObject]:
    return [
        SchemaObject(entry.name.removesuffix(".sql"), entry.read_text())
        for entry in files("unkey_api.infra.clickhouse").joinpath("schema", folder).iterdir()
        if entry.name.endswith(".sql")
    ]


def _name(item: SchemaObject) -> str:
    return item.name


async def migrate(client: ClickHouseClient) -> list[str]:
    """Create what is missing in the client's database and return the names, in the order of creation.

    A server that has no scheduled views goes without them, with a warning. Safe to repeat and to run from two places at
    once. Costs one query when nothing is missing.

    Raises:
        ClickHouseRefused: The server does not create something else.
        ClickHouseUnavailable: It does not answer.
    """
    await client.execute(f"CREATE DATABASE IF NOT EXISTS `{client.database}`")
    rows = await client.fetch("SELECT name FROM system.tables WHERE database = currentDatabase()")
    present = {row["name"] for row in rows}
    missing = [item for item in schema_objects() if item.name not in present]
    return [item.name for item in missing if await _created(client, item)]


async def _created(client: ClickHouseClient, item: SchemaObject) -> bool:
    try:
        await client.execute(item.statement, settings=SETTINGS)
    except ClickHouseRefused as error:
        if not item.is_scheduled:
            raise
        _log.warning("this ClickHouse has no scheduled views", table=item.name, code=error.number)
        return False
    return True
