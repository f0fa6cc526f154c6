"""Create the tables and views that are missing. An existing database is left as it is."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import structlog

from unkey_api.infra.clickhouse.client import ClickHouseClient, ClickHouseRefused
from unkey_api.infra.clickhouse.rollups import FAMILIES

SCHEMA = "unkey_api.infra.clickhouse.schema"
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
    return [*sorted(tables, key=_name), *sorted(views, key=_name)]


def _read(folder: str) -> list[SchemaObject]:
    return [
        SchemaObject(entry.name.removesuffix(".sql"), entry.read_text())
        for entry in files(SCHEMA).joinpath(folder).iterdir()
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
