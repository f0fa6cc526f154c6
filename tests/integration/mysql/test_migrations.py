"""The schema and the runner that makes it."""

from __future__ import annotations

import asyncio
import re
from importlib.resources import files
from pathlib import Path

import pytest

from tests.support.mysql import run_sql, settings_for
from unkey_api.infra.mysql import Dsn, Statement, StoreUnavailable
from unkey_api.infra.mysql.migrations import MigrationError, migrate
from unkey_api.infra.mysql.migrations.runner import _apply, _session

pytestmark = pytest.mark.integration

EXPECTED = Path(__file__).parents[2] / "support" / "mysql_schema.txt"

MIGRATIONS = len(list(files("unkey_api.infra.mysql.migrations").joinpath("schema").iterdir()))

COLUMNS = """
SELECT c.table_name, c.column_name, c.column_type, c.collation_name, c.is_nullable, c.column_default, c.extra,
  (SELECT COUNT(*) FROM information_schema.check_constraints k WHERE k.constraint_schema = c.table_schema
   AND k.table_name = c.table_name AND k.constraint_name = c.column_name) AS checks
FROM information_schema.columns c WHERE c.table_schema = DATABASE() ORDER BY c.table_name, c.ordinal_position
"""
KEYS = """
SELECT table_name, index_name, non_unique, GROUP_CONCAT(column_name ORDER BY seq_in_index SEPARATOR ', ')
FROM information_schema.statistics WHERE table_schema = DATABASE() GROUP BY table_name, index_name, non_unique
"""


def read_expectation() -> dict[str, set[str]]:
    tables: dict[str, set[str]] = {}
    current: set[str] = set()
    for line in EXPECTED.read_text().splitlines():
        if line.startswith("  "):
            current.add(line.strip())
        elif line and not line.startswith("#"):
            current = tables.setdefault(line, set())
    return tables


def normal_type(column_type: str, *, is_json: bool) -> str:
    """MariaDB shows display widths that MySQL does not, tinyint(1) for boolean and longtext for json."""
    if is_json:
        return "json"
    if column_type == "tinyint(1)":
        return "boolean"
    return re.sub(r"^((?:tiny|small|big)?int)\(\d+\)", r"\1", column_type)


def normal_default(default: object, kind: str, extra: str) -> str:
    """Return a default as the expectation writes it."""
    if "auto_increment" in extra:
        return "auto increment"
    if default is None or default == "NULL":
        return "-"
    text = str(default)
    if kind == "boolean":
        return {"0": "false", "1": "true"}[text]
    if kind == "json":
        return "(JSON_OBJECT('restartCount', 0))" if "json_object" in text.lower() else f"({text})"
    return text


async def read_actual(dsn: Dsn) -> dict[str, set[str]]:
    tables: dict[str, set[str]] = {}
    for table, column, column_type, collation, nullable, default, extra, checks in await run_sql(dsn, COLUMNS):
        kind = normal_type(str(column_type), is_json=bool(checks))
        compared = next((name for name in ("cs", "bin") if str(collation).endswith(f"_{name}")), "-")
        compared = compared if kind.startswith("varchar") else "-"
        tables.setdefault(str(table), set()).add(
            f"{column} | {kind} | {compared} | {'null' if nullable == 'YES' else 'not null'}"
            f" | {normal_default(default, kind, str(extra))}"
        )
    for table, index, non_unique, columns in await run_sql(dsn, KEYS):
        name = "PRIMARY" if index == "PRIMARY" else f"{'INDEX' if non_unique else 'UNIQUE'} {index}"
        tables[str(table)].add(f"{name} {columns}")
    del tables["schema_migrations"]
    return tables


class TestSchema:
    async def test_every_table_is_as_expected(self, mysql_dsn: Dsn) -> None:
        """Other programs share these tables: a name, type or index that differs breaks them or us."""
        expected, actual = read_expectation(), await read_actual(mysql_dsn)
        assert actual.keys() == expected.keys()
        different = {table: actual[table] ^ expected[table] for table in expected if actual[table] != expected[table]}
        assert different == {}

    async def test_case_sensitive_columns_tell_case_accents_and_padding_apart(self, mysql_dsn: Dsn) -> None:
        """Two namespaces may differ in case only; an id with a trailing space is another id."""
        insert = "INSERT INTO ratelimit_namespaces (id, workspace_id, project_id, name) VALUES ('{}','ws_cs','p','{}')"
        names = ["email", "Email", "émail", "email ", "e\u0301mail2"]
        await run_sql(mysql_dsn, *(insert.format(f"rlns_cs{n}", name) for n, name in enumerate(names)))
        found = await run_sql(
            mysql_dsn, "SELECT name FROM ratelimit_namespaces WHERE workspace_id='ws_cs' AND name='email'"
        )
        assert found == [("email",)]

    async def test_binary_columns_tell_every_spelling_apart(self, mysql_dsn: Dsn) -> None:
        """What the code holds for different must not be one row, and what is asked for must not find something else."""
        insert = "INSERT INTO ratelimit_namespaces (id, workspace_id, project_id, name) VALUES ('{}','ws_bin','p','{}')"
        names = ["cafe\u0301", "caf\u00e9", "caf\u00e9\x01", "caf\u00e9\u200d"]
        await run_sql(mysql_dsn, *(insert.format(f"rlns_bin{n}", name) for n, name in enumerate(names)))
        query = "SELECT name FROM ratelimit_namespaces WHERE workspace_id='ws_bin' AND name='{}'"
        for name in names:
            assert await run_sql(mysql_dsn, query.format(name)) == [(name,)]

    async def test_other_columns_ignore_case_and_accents(self, mysql_dsn: Dsn) -> None:
        """A permission slug names the same permission however it is written."""
        insert = (
            "INSERT INTO permissions (id, workspace_id, project_id, name, slug) VALUES ('perm_ci','ws_ci','p','','a')"
        )
        found = await run_sql(
            mysql_dsn, insert, "SELECT id FROM permissions WHERE workspace_id='ws_ci' AND slug IN ('Á')"
        )
        assert found == [("perm_ci",)]


class TestRunner:
    async def test_reports_progress_and_repeats_as_nothing(self, empty_mysql_dsn: Dsn) -> None:
        told: list[tuple[str, int, int]] = []
        settings = settings_for(empty_mysql_dsn)
        applied = await migrate(settings, on_progress=lambda *step: told.append(step))
        assert applied[0] == "0001_workspaces"
        assert told == [(name, number, len(applied)) for number, name in enumerate(applied, 1)]
        assert await migrate(settings) == []

    async def test_several_starters_apply_each_migration_once(self, empty_mysql_dsn: Dsn) -> None:
        settings = settings_for(empty_mysql_dsn)
        results = await asyncio.gather(*(migrate(settings) for _ in range(4)))
        assert sorted(len(result) for result in results)[:3] == [0, 0, 0]
        assert len(max(results, key=len)) == MIGRATIONS

    async def test_adopts_tables_that_exist(self, empty_mysql_dsn: Dsn) -> None:
        """An existing database is used as it is, with its rows."""
        settings = settings_for(empty_mysql_dsn)
        await migrate(settings)
        insert = "INSERT INTO regions (id, name, platform) VALUES ('r1', 'eu', 'aws')"
        await run_sql(empty_mysql_dsn, insert, "DROP TABLE schema_migrations", "DROP TABLE apis")
        assert len(await migrate(settings)) == MIGRATIONS
        assert await run_sql(empty_mysql_dsn, "SELECT name FROM regions") == [("eu",)]

    async def test_an_edited_migration_is_refused(self, empty_mysql_dsn: Dsn) -> None:
        """Databases migrated before and after the edit would differ for good."""
        settings = settings_for(empty_mysql_dsn)
        await migrate(settings)
        await run_sql(
            empty_mysql_dsn, "UPDATE schema_migrations SET checksum = REPEAT('0', 64) WHERE version = '0001_workspaces'"
        )
        with pytest.raises(MigrationError, match="0001_workspaces was edited"):
            await migrate(settings)

    async def test_migrations_of_a_newer_release_are_left_alone(self, empty_mysql_dsn: Dsn) -> None:
        settings = settings_for(empty_mysql_dsn)
        await migrate(settings)
        newer = "INSERT INTO schema_migrations (version, checksum) VALUES ('9999_future', REPEAT('1', 64))"
        await run_sql(empty_mysql_dsn, newer)
        assert await migrate(settings) == []

    async def test_every_migration_can_run_again_after_a_crash_before_it_was_recorded(
        self, empty_mysql_dsn: Dsn
    ) -> None:
        settings = settings_for(empty_mysql_dsn)
        applied = await migrate(settings)
        await run_sql(empty_mysql_dsn, "DELETE FROM schema_migrations")
        assert await migrate(settings) == applied

    @pytest.mark.parametrize(
        "change",
        [
            "CREATE TABLE regions (id int)",
            "ALTER TABLE regions ADD COLUMN id int",
            "ALTER TABLE regions ADD UNIQUE INDEX unique_region (name)",
            "ALTER TABLE regions DROP COLUMN never_there",
        ],
    )
    async def test_statement_that_was_done_already_counts_as_done(self, empty_mysql_dsn: Dsn, change: str) -> None:
        settings = settings_for(empty_mysql_dsn)
        await migrate(settings)
        await run_sql(empty_mysql_dsn, "ALTER TABLE regions ADD INDEX IF NOT EXISTS unique_region (id)")
        async with _session(settings) as session:
            await _apply(session, Statement("9999_again", change))
            with pytest.raises(StoreUnavailable):
                await _apply(session, Statement("9999_wrong", "ALTER TABLE no_such_table ADD COLUMN id int"))

    async def test_continues_where_a_crash_stopped_it(self, empty_mysql_dsn: Dsn) -> None:
        settings = settings_for(empty_mysql_dsn)
        await migrate(settings)
        await run_sql(empty_mysql_dsn, "DELETE FROM schema_migrations WHERE version > '0040'")
        assert (await migrate(settings))[0].startswith("0040_")
