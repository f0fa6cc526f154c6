"""`unkey-api analytics provision|query`."""

from __future__ import annotations

import csv
import json
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from unkey_api.areas.analytics.types import QUOTAS, parse_quotas
from unkey_api.cli.databases import ConfigOption
from unkey_api.cli.text import print_table

analytics = typer.Typer(help="Set up and ask the analytics of a workspace.", no_args_is_help=True)
WorkspaceOption = Annotated[str, typer.Option("--workspace", help="Id of the workspace.")]


class Format(StrEnum):
    """How rows are shown."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@analytics.command("provision")
def provision(
    workspace: WorkspaceOption,
    quotas: Annotated[
        list[str] | None,
        typer.Argument(help=f"name=value, for instance max-queries-per-window=100. Names: {', '.join(QUOTAS)}."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Create a workspace's ClickHouse user with its rights, row policies, quota and limits. Safe to repeat.

    Quotas that are not named get their defaults.
    """
    from unkey_api.cli.asking import provision_workspace  # noqa: PLC0415 - other commands need not wait for it

    days = provision_workspace(config, workspace, parse_quotas(quotas or []))
    typer.echo(f"{workspace} can ask its last {days} days.")


@analytics.command("query")
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT on the public tables.")],
    workspace: WorkspaceOption,
    output: Annotated[Format, typer.Option("--format", help="How to show the rows.")] = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Ask as the workspace may, with all permissions: through the guard, its login, its limits and quota."""
    from unkey_api.cli.asking import rows_of  # noqa: PLC0415 - the same

    _show(json.loads(rows_of(config, workspace, sql)), output)


def _show(rows: list[dict[str, Any]], output: Format) -> None:
    if output is Format.JSON:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    columns = list(rows[0]) if rows else []
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    if output is Format.TABLE:
        print_table(columns, cells)
    else:
        writer = csv.writer(sys.stdout)
        writer.writerows([columns, *cells] if columns else [])


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
