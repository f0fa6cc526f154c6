"""`unkey-api workspace …`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer

from unkey_api.admin.types import LIMITS, LimitsRow
from unkey_api.admin.workspaces import NO_LIMIT, WorkspaceAdmin, parse_limit
from unkey_api.audit.service import AuditLog
from unkey_api.cli.databases import ConfigOption, as_admin, on_database
from unkey_api.cli.text import day, print_table
from unkey_api.core.clock import SystemClock
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import Database

T = TypeVar("T")
workspaces = typer.Typer(help="Create, look at, limit and delete workspaces.", no_args_is_help=True)
WorkspaceArgument = Annotated[str, typer.Argument(help="Id of the workspace.")]


def _administer(config: str | None, work: Callable[[WorkspaceAdmin], Awaitable[T]]) -> T:
    def seated(database: Database) -> Awaitable[T]:
        clock = SystemClock()
        return work(WorkspaceAdmin(database, audit=AuditLog(clock=clock, ids=RandomIds()), clock=clock))

    return on_database(config, seated)


@workspaces.command("create")
def _create(
    name: Annotated[str, typer.Argument(help="Display name.")],
    slug: Annotated[str, typer.Option(help="Unique short name; default: made from the name.")] = "",
    org_id: Annotated[str, typer.Option(help="Organisation whose members' tokens act for it.")] = "",
    config: ConfigOption = None,
) -> None:
    """Create a workspace and print its id."""
    chosen = slug or "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
    typer.echo(as_admin(config, lambda admin: admin.create_workspace(name, chosen, org_id=org_id)))


@workspaces.command("list")
def _list(config: ConfigOption = None) -> None:
    """List the workspaces."""
    lines = as_admin(config, lambda admin: admin.list_workspaces())
    print_table(
        ("id", "slug", "name", "enabled", "created"),
        [(w.id, w.slug, w.name, "yes" if w.enabled else "no", day(w.created_at_m)) for w in lines],
    )


@workspaces.command("show")
def _show(workspace_id: WorkspaceArgument, config: ConfigOption = None) -> None:
    """Show a workspace: how much is in it, and its limits."""
    found, limits = _administer(config, lambda admin: admin.show(workspace_id))
    rows: list[tuple[str, ...]] = [
        ("id", found.id),
        ("name", found.name),
        ("slug", found.slug),
        ("organisation", found.org_id),
        ("enabled", _yes_no(yes=found.enabled)),
        ("delete protection", _yes_no(yes=bool(found.delete_protection))),
        ("created", day(found.created_at_m)),
        ("APIs", str(found.apis)),
        ("keys", str(found.key_count)),
        ("root keys", str(found.root_keys)),
        ("identities", str(found.identities)),
    ]
    print_table(("", ""), rows + _limit_rows(limits))


@workspaces.command("disable")
def _disable(workspace_id: WorkspaceArgument, config: ConfigOption = None) -> None:
    """Refuse the keys and root keys of a workspace until it is enabled again."""
    done = _administer(config, lambda admin: admin.switch(workspace_id, enabled=False))
    typer.echo(f"Disabled {workspace_id}." if done else f"{workspace_id} was disabled already.")


@workspaces.command("enable")
def _enable(workspace_id: WorkspaceArgument, config: ConfigOption = None) -> None:
    """Let the keys and root keys of a workspace be used again."""
    done = _administer(config, lambda admin: admin.switch(workspace_id, enabled=True))
    typer.echo(f"Enabled {workspace_id}." if done else f"{workspace_id} was enabled already.")


@workspaces.command("delete")
def _delete(
    workspace_id: WorkspaceArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - an option
    force: Annotated[bool, typer.Option("--force", help="Although it is protected.")] = False,  # noqa: FBT002 - an option
    config: ConfigOption = None,
) -> None:
    """Delete a workspace. Its keys, root keys and tokens are refused from then on; there is no way back."""
    if not yes:
        found, _ = _administer(config, lambda admin: admin.show(workspace_id))
        typer.confirm(f"Delete '{found.name}' with {found.key_count} keys and {found.root_keys} root keys?", abort=True)
    deleted = _administer(config, lambda admin: admin.delete(workspace_id, although_protected=force))
    typer.echo(f"Deleted {deleted.id} ({deleted.name}).")


@workspaces.command("set-limits")
def _set_limits(
    workspace_id: WorkspaceArgument,
    limits: Annotated[
        list[str],
        typer.Argument(help=f"name=value, for instance requests-per-minute=600. Names: {', '.join(LIMITS)}."),
    ],
    config: ConfigOption = None,
) -> None:
    """Set limits of a workspace; those not named stay. `requests-per-minute=none` lifts that limit."""
    wanted = dict(parse_limit(text) for text in limits)
    print_table(
        ("limit", "value"), _limit_rows(_administer(config, lambda admin: admin.set_limits(workspace_id, wanted)))
    )


def _limit_rows(limits: LimitsRow) -> list[tuple[str, ...]]:
    values = asdict(limits)
    shown = {name: values[column] for name, (column, _) in LIMITS.items()}
    return [(name, _limit_text(value)) for name, value in shown.items()]


def _limit_text(value: int | bool | None) -> str:  # noqa: FBT001 - a value to show
    if isinstance(value, bool):
        return _yes_no(yes=value)
    return NO_LIMIT if value is None else str(value)


def _yes_no(*, yes: bool) -> str:
    return "yes" if yes else "no"
