"""`unkey-api workspace …`, and how commands come to the operator's use cases."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from unkey_api.admin.service import AdminService
from unkey_api.audit.service import AuditLog
from unkey_api.cli import workspaces as workspace_commands
from unkey_api.cli.configuration import ConfigOption
from unkey_api.cli.database import on_database
from unkey_api.cli.tables import print_table
from unkey_api.cli.times import day
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import Database

T = TypeVar("T")

workspaces = typer.Typer(help="Create, look at, limit and delete workspaces.", no_args_is_help=True)
workspace_commands.register(workspaces)


def as_admin(config: str | None, work: Callable[[AdminService], Awaitable[T]]) -> T:
    """Run `work` with the operator's use cases on the configured database."""

    def seated(database: Database) -> Awaitable[T]:
        clock, ids = SystemClock(), RandomIds()
        audit = AuditLog(clock=clock, ids=ids)
        return work(AdminService(database, audit=audit, clock=clock, ids=ids, random_bytes=secrets.token_bytes))

    return on_database(config, seated)


@workspaces.command("create")
def workspace_create(
    name: Annotated[str, typer.Argument(help="Display name.")],
    slug: Annotated[str, typer.Option(help="Unique short name; default: made from the name.")] = "",
    org_id: Annotated[str, typer.Option(help="Organisation whose members' tokens act for it.")] = "",
    config: ConfigOption = None,
) -> None:
    """Create a workspace and print its id."""
    chosen = slug or "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
    typer.echo(as_admin(config, lambda admin: admin.create_workspace(name, chosen, org_id=org_id)))


@workspaces.command("list")
def workspace_list(config: ConfigOption = None) -> None:
    """List the workspaces."""
    lines = as_admin(config, lambda admin: admin.list_workspaces())
    print_table(
        ("id", "slug", "name", "enabled", "created"),
        [(w.id, w.slug, w.name, "yes" if w.enabled else "no", day(w.created_at_m)) for w in lines],
    )
