"""Applying migrations, safely from several starters at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import NamedTuple

from unkey_api.infra.mysql.driver import DriverConnection, connect
from unkey_api.infra.mysql.errors import StoreUnavailable
from unkey_api.infra.mysql.ports import MysqlSettings
from unkey_api.infra.mysql.session import Runtime, Session
from unkey_api.infra.mysql.sql_text import Tagger
from unkey_api.infra.mysql.statement import Query, Statement, load_query, load_statement

LOCK_WAIT = timedelta(minutes=2)
"""How long a starter waits for another one that is migrating."""
STATEMENT_TIMEOUT = timedelta(minutes=30)
"""A change to a big table takes its time."""

UNKNOWN_COLLATION = 1273
ALREADY_DONE = frozenset({1050, 1060, 1061, 1091})
"""The table, column or index exists already, or what shall be dropped is gone."""

CASE_SENSITIVE = (
    "utf8mb4_0900_as_cs",  # MySQL 8
    "utf8mb4_uca1400_nopad_as_cs",  # MariaDB from 10.10: the same rules, a newer Unicode
    "utf8mb4_nopad_bin",  # older MariaDB: equality is the same except between normal forms of one character
)
BINARY = ("utf8mb4_0900_bin", "utf8mb4_nopad_bin")
"""Equal is what has the same characters, trailing blanks included; of MySQL 8.0.17 and of MariaDB."""
CASE_INSENSITIVE = ("utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_unicode_520_nopad_ci")

Progress = Callable[[str, int, int], None]
"""Told the migration about to run, its number among those to run (from 1), and how many there are."""


class MigrationError(Exception):
    """The database cannot be brought up to date. The message says what to do; starting again is always safe.

    A migration is one statement, which the server does whole or not at all. A crash between it and its entry in the
    ledger has it run once more: it says IF NOT EXISTS, changes nothing the second time, or is told that it was done.
    """


@dataclass(frozen=True, slots=True)
class _Applied:
    version: str
    checksum: str


@dataclass(frozen=True, slots=True)
class _LockAnswer:
    done: int | None


class _Migration(NamedTuple):
    version: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


_CREATE_LEDGER = load_statement(__package__, "schema_migration_create_table")
_LIST_APPLIED = load_query(__package__, "schema_migration_list", row=_Applied)
_RECORD = load_statement(__package__, "schema_migration_insert")
_LOCK: Query[_LockAnswer] = load_query(__package__, "migration_lock_acquire", row=_LockAnswer)
_UNLOCK: Query[_LockAnswer] = load_query(__package__, "migration_lock_release", row=_LockAnswer)
_PROBE = load_statement(__package__, "collation_probe")


async def migrate(settings: MysqlSettings, *, on_progress: Progress = lambda *_: None) -> list[str]:
    """Bring the primary's schema up to date and return the names of the migrations applied, oldest first.

    Safe to repeat and to run from several processes at once: the others wait and find nothing left to do. A cancel
    leaves whole migrations behind, never a part of one.

    Raises:
        MigrationError: An applied file was edited since, the server is too old, or another starter holds the lock.
        StoreUnavailable: The server failed.
    """
    async with _session(settings) as session, _locked(session):
        await session.execute(_CREATE_LEDGER, {})
        applied = {row.version: row.checksum for row in await session.fetch_all(_LIST_APPLIED, {})}
        pending = _pending(_load(), applied)
        if not pending:
            return []
        collations = {
            "{case_sensitive}": await _first_known(session, CASE_SENSITIVE),
            "{binary}": await _first_known(session, BINARY),
            "{default}": await _first_known(session, CASE_INSENSITIVE),
        }
        for number, migration in enumerate(pending, 1):
            on_progress(migration.version, number, len(pending))
            await _apply(session, _statement(migration, collations))
            await session.execute(_RECORD, {"version": migration.version, "checksum": migration.checksum})
        return [migration.version for migration in pending]


async def _apply(session: Session, statement: Statement) -> None:
    """Run a migration that may have been done without being recorded."""
    try:
        await session.execute(statement, {})
    except StoreUnavailable as err:
        if err.errno not in ALREADY_DONE:
            raise


def _load() -> list[_Migration]:
    folder = files(__package__).joinpath("schema")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [_Migration(name.removesuffix(".sql"), folder.joinpath(name).read_text("utf-8")) for name in names]


def _pending(migrations: list[_Migration], applied: dict[str, str]) -> list[_Migration]:
    for migration in migrations:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"migration {migration.version} was edited after this database applied it; "
                "restore the file and put the change into a new migration"
            )
    return [migration for migration in migrations if migration.version not in applied]


def _statement(migration: _Migration, collations: dict[str, str]) -> Statement:
    text = migration.text
    for placeholder, collation in collations.items():
        text = text.replace(placeholder, collation)
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return Statement(migration.version, "\n".join(lines))


async def _first_known(session: Session, candidates: tuple[str, ...]) -> str:
    for collation in candidates:
        probe = Statement(_PROBE.name, _PROBE.sql.replace("{collation}", collation))
        try:
            await session.execute(probe, {})
        except StoreUnavailable as err:
            if err.errno != UNKNOWN_COLLATION:
                raise
        else:
            return collation
    raise MigrationError(f"the server knows none of {', '.join(candidates)}; use MySQL 8 or MariaDB 10.11 or newer")


@asynccontextmanager
async def _session(settings: MysqlSettings) -> AsyncIterator[Session]:
    connection = await _connect(settings)
    runtime = Runtime(
        watch=None,
        tagger=Tagger(region=settings.region, release_sha=settings.release_sha),
        statement_seconds=STATEMENT_TIMEOUT.total_seconds(),
    )
    try:
        yield Session(connection, runtime, mode="rw")
    finally:
        await connection.quit()
        await asyncio.sleep(0)  # the transport finishes closing on the next turn of the loop


async def _connect(settings: MysqlSettings) -> DriverConnection:
    budget = settings.connect_timeout.total_seconds()
    try:
        async with asyncio.timeout(budget):
            return await connect(settings.primary, statement_timeout=STATEMENT_TIMEOUT)
    except TimeoutError as err:
        raise StoreUnavailable(f"no connection within {budget} s", transient=True) from err


@asynccontextmanager
async def _locked(session: Session) -> AsyncIterator[None]:
    row = await session.fetch_one(_LOCK, {"seconds": int(LOCK_WAIT.total_seconds())})
    if row is None or row.done != 1:
        raise MigrationError(f"another process has been migrating this database for {LOCK_WAIT}; wait for it to end")
    try:
        yield
    finally:
        if not session.closed:
            await session.fetch_one(_UNLOCK, {})
