"""`unkey-api keys …`: moving many keys at once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from unkey_api.areas.keys.schemes.salted import HashCaps
from unkey_api.areas.keys.transfer import queries
from unkey_api.areas.keys.transfer.exporting import ExportWriter, export_keys
from unkey_api.areas.keys.transfer.importing import ImportKeys, OnProgress
from unkey_api.areas.keys.transfer.journal import Journal, RejectsFile
from unkey_api.areas.keys.transfer.reading import RecordFile, format_of, open_records
from unkey_api.areas.keys.transfer.targets import apis_of, find_target
from unkey_api.areas.keys.transfer.types import FileFormat, ImportReport, TransferRefused
from unkey_api.areas.keys.transfer.writing import BatchWriter
from unkey_api.areas.keys.types import MigrationAlgorithm
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.audit.service import AuditLog
from unkey_api.cli.databases import ConfigOption, read_settings
from unkey_api.container.announcing import announcing
from unkey_api.container.part_settings import hash_caps, mysql_settings
from unkey_api.core.clock import Clock, SystemClock
from unkey_api.core.ids import IdSource, RandomIds
from unkey_api.infra.mysql import Database, log_orphan, open_database

T = TypeVar("T")

SOME_REJECTED = 2
"""Exit status when lines were rejected; 1 means that the command could not run."""

keys = typer.Typer(help="Import and export keys.", no_args_is_help=True)

WorkspaceOption = Annotated[str, typer.Option(help="Id of the workspace.")]
ApiOption = Annotated[str, typer.Option(help="Id of the API; needed when the workspace has several.")]
KeyspaceOption = Annotated[str, typer.Option(help="Id of the keyspace, instead of the API's.")]
FormatOption = Annotated[FileFormat | None, typer.Option("--format", help="Default: what the file's name says.")]


@dataclass(frozen=True, slots=True)
class _Tools:
    database: Database
    clock: Clock
    ids: IdSource
    caps: HashCaps


@keys.command("import")
def keys_import(  # noqa: PLR0913, PLR0917 - one parameter per option
    file: Annotated[Path, typer.Argument(help="JSON Lines or CSV with a header; see docs/key-transfer.md.")],
    workspace: WorkspaceOption,
    api: ApiOption = "",
    keyspace: KeyspaceOption = "",
    migration: Annotated[str, typer.Option(help="Id of the migration that unfinished keys wait for.")] = "",
    file_format: FormatOption = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be imported.")] = False,  # noqa: FBT002 - an option
    rejects: Annotated[Path | None, typer.Option(help="Where rejected lines go. Default: FILE.rejects.jsonl.")] = None,
    journal: Annotated[Path | None, typer.Option(help="How far it came. Default: FILE.journal.")] = None,
    config: ConfigOption = None,
) -> None:
    """Import keys by their hashes. Run it again after an interruption: it goes on where it stopped.

    Ends with status 2 when lines were rejected.
    """
    # A rehearsal must not touch what an import that was interrupted has written.
    suffix = "dry-run.rejects.jsonl" if dry_run else "rejects.jsonl"
    turned_down = RejectsFile(rejects or file.with_name(f"{file.name}.{suffix}"))
    notes = journal or file.with_name(f"{file.name}.journal")

    async def work(tools: _Tools) -> ImportReport:
        projects = DefaultProject(clock=tools.clock, ids=tools.ids)
        found = await find_target(tools.database, projects, workspace, api=api, keyspace=keyspace, migration=migration)
        target = replace(found, caps=tools.caps)
        audit = AuditLog(clock=tools.clock, ids=tools.ids)
        importing = ImportKeys(tools.database, BatchWriter(tools.database, audit, clock=tools.clock, ids=tools.ids))
        with open_records(file, file_format) as source, _progress(source, tools.clock) as on_progress:
            if dry_run:
                return await importing.rehearse(source, target, turned_down, on_progress)
            book = Journal.of(notes, source.fingerprint(), target)
            return await importing(source, target, book, turned_down, on_progress)

    _tell(_with_database(config, work), turned_down, dry_run=dry_run)


@keys.command("export")
def keys_export(
    file: Annotated[Path, typer.Argument(help="Where to write; - for standard output, then say --format.")],
    workspace: WorkspaceOption,
    api: ApiOption = "",
    keyspace: KeyspaceOption = "",
    migration: Annotated[str, typer.Option(help="Only keys that still wait for this migration.")] = "",
    file_format: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Export keys with names, metadata, identities, limits, roles, permissions and hashes; never a secret."""
    to_terminal = str(file) == "-"
    chosen = file_format or (FileFormat.JSONL if to_terminal else format_of(file))

    async def work(tools: _Tools) -> int:
        apis = await apis_of(tools.database, workspace, api=api, keyspace=keyspace)
        count = 0
        with (
            _output(None if to_terminal else file) as out,
            Progress(*_columns(), console=Console(stderr=True), transient=True) as bar,
        ):
            task = bar.add_task("exporting", total=None, rate="")
            writer = ExportWriter(out, chosen)
            async for page in export_keys(tools.database, workspace, apis, migration_id=migration):
                writer.write(page)
                count += len(page)
                bar.update(task, rate=f"{count:,} keys")
        return count

    count = _with_database(config, work)
    Console(stderr=True).print(f"{count:,} keys exported.", highlight=False)


@keys.command("create-migration")
def create_migration(
    migration: Annotated[str, typer.Argument(help="Id that imports and verifications name.")],
    workspace: WorkspaceOption,
    algorithm: Annotated[
        MigrationAlgorithm, typer.Option(help="sha256 also covers hashes that name their scheme.")
    ] = MigrationAlgorithm.SHA256,
    config: ConfigOption = None,
) -> None:
    """Create a migration, which keys with foreign hashes wait for until their first use."""

    async def work(tools: _Tools) -> bool:
        if not await queries.workspace_exists(tools.database.primary, workspace):
            raise TransferRefused(f"there is no workspace '{workspace}'; `unkey-api workspace list` shows them")
        return await queries.insert_migration(tools.database.primary, workspace, migration, algorithm)

    if not _with_database(config, work):
        raise TransferRefused(f"a migration '{migration}' exists; choose another id")
    typer.echo(migration)


def _with_database(config: str | None, work: Callable[[_Tools], Awaitable[T]]) -> T:
    async def run() -> T:
        clock, ids = SystemClock(), RandomIds()
        settings = read_settings(config)
        async with (
            open_database(mysql_settings(settings), clock=clock, on_orphan_error=log_orphan) as database,
            announcing(settings, database, clock=clock, ids=ids),
        ):
            return await work(_Tools(database, clock, ids, hash_caps(settings.key_migrations)))

    try:
        return asyncio.run(run())
    except OSError as err:
        raise TransferRefused(f"{err.filename or 'a file'} cannot be used: {err.strerror or err}") from err


def _tell(report: ImportReport, rejects: RejectsFile, *, dry_run: bool) -> None:
    console = Console(stderr=True)
    verb = "can be imported" if dry_run else "imported"
    again = f", {report.new:,} of them by this run" if report.resumed else ""
    console.print(f"{report.imported:,} keys {verb}{again}.", highlight=False)
    if report.rejected:
        console.print(f"{report.rejected:,} lines rejected; the reasons are in {rejects.path}", highlight=False)
        raise typer.Exit(SOME_REJECTED)


@contextmanager
def _progress(source: RecordFile, clock: Clock) -> Iterator[OnProgress]:
    started = clock.monotonic()
    with Progress(*_columns(), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("importing", total=source.size, rate="")

        def on_progress(consumed: int, imported: int) -> None:
            seconds = max(clock.monotonic() - started, 0.001)
            bar.update(task, completed=consumed, rate=f"{imported:,} keys, {imported / seconds:,.0f}/s")

        yield on_progress


def _columns() -> tuple[TextColumn, BarColumn, TextColumn]:
    return TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}")


@contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Open the file to write, readable by its owner only; it has its name once it is complete."""
    if path is None:
        yield sys.stdout
        return
    unfinished = path.with_name(f"{path.name}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        yield out
    unfinished.replace(path)
