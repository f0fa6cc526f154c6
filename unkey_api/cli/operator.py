"""`unkey-api workspace …` and `unkey-api root-key …`."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from unkey_api.audit.service import AuditLog
from unkey_api.cli import workspaces as workspace_commands
from unkey_api.cli.configuration import ConfigOption
from unkey_api.cli.database import on_database
from unkey_api.cli.tables import day, print_table
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.core.permission_vocabulary import mistake_in
from unkey_api.infra.mysql import Database
from unkey_api.operator.service import OperatorDesk
from unkey_api.operator.types import all_permissions

T = TypeVar("T")

root_keys = typer.Typer(help="Issue, list and revoke root keys.", no_args_is_help=True)
workspaces = typer.Typer(help="Create, look at, limit and delete workspaces.", no_args_is_help=True)
workspace_commands.register(workspaces)


def at_desk(config: str | None, work: Callable[[OperatorDesk], Awaitable[T]]) -> T:
    """Run `work` with the operator's use cases on the configured database."""

    def seated(database: Database) -> Awaitable[T]:
        clock, ids = SystemClock(), RandomIds()
        audit = AuditLog(clock=clock, ids=ids)
        return work(OperatorDesk(database, audit=audit, clock=clock, ids=ids, random_bytes=secrets.token_bytes))

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
    typer.echo(at_desk(config, lambda desk: desk.create_workspace(name, chosen, org_id=org_id)))


@workspaces.command("list")
def workspace_list(config: ConfigOption = None) -> None:
    """List the workspaces."""
    lines = at_desk(config, lambda desk: desk.list_workspaces())
    print_table(
        ("id", "slug", "name", "enabled", "created"),
        [(w.id, w.slug, w.name, "yes" if w.enabled else "no", day(w.created_at_m)) for w in lines],
    )


@root_keys.command("create")
def root_key_create(
    workspace: Annotated[str, typer.Option(help="Id of the workspace the key acts for.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "root key",
    permission: Annotated[
        list[str] | None, typer.Option(help="Permission to grant; repeat for several. Default: everything.")
    ] = None,
    over_root_keys: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--over-root-keys", help="The workspace may be the one in which root keys live.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Issue a root key and print its secret, which is shown only now."""
    for text in permission or ():
        mistake = mistake_in(text, workspace)
        if mistake is not None:
            raise typer.BadParameter(f"the permission '{text}' is not supported: {mistake}", param_hint="--permission")
    permissions = permission or all_permissions(workspace)
    issued = at_desk(
        config, lambda desk: desk.create_root_key(workspace, name, permissions, over_root_keys=over_root_keys)
    )
    Console(stderr=True).print(f"Root key {issued.id}. Keep the secret: it cannot be shown again.")
    typer.echo(issued.secret.reveal())


@root_keys.command("list")
def root_key_list(
    workspace: Annotated[str, typer.Option(help="Only those of this workspace.")] = "",
    config: ConfigOption = None,
) -> None:
    """List the live root keys."""
    lines = at_desk(config, lambda desk: desk.list_root_keys(workspace))
    print_table(
        ("id", "start", "name", "workspace", "enabled", "created"),
        [
            (k.id, k.start, k.name or "", k.for_workspace_id, "yes" if k.enabled else "no", day(k.created_at_m))
            for k in lines
        ],
    )


@root_keys.command("revoke")
def root_key_revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the root key.")], config: ConfigOption = None
) -> None:
    """Revoke a root key. Running servers refuse it within seconds, at the latest within ten minutes."""
    at_desk(config, lambda desk: desk.root_keys.revoke(key_id))
    typer.echo(f"Revoked {key_id}.")
