"""`unkey-api permissions …`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from unkey_api.core.needs import WORKSPACE, Need, Operations, uses_of
from unkey_api.core.permission_vocabulary import mistake_in
from unkey_api.core.urn import parse_urn_grant

permissions = typer.Typer(help="Say what operations need and what permissions are good for.", no_args_is_help=True)


@permissions.command("list")
def permissions_list(
    operations: Annotated[
        list[str] | None, typer.Argument(help="Operations such as keys.verifyKey. Default: all.")
    ] = None,
    workspace: Annotated[str, typer.Option(help="Id to put into the URNs.")] = WORKSPACE,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,  # noqa: FBT002 - an option
) -> None:
    """List what each operation needs: one line for each sufficient alternative."""
    requirements = _requirements()
    chosen = operations or list(requirements)
    for operation in chosen:
        if operation not in requirements:
            raise typer.BadParameter(f"there is no operation '{operation}'; `unkey-api permissions list` shows all")
    if as_json:
        found = {operation: [_as_json(need, workspace) for need in requirements[operation]] for operation in chosen}
        typer.echo(json.dumps(found, indent=2))
        return
    for operation in chosen:
        typer.echo(operation)
        for need in requirements[operation]:
            typer.echo(f"  {_heading(need)}")
            for permission in need.permissions():
                typer.echo(f"    {_placed(permission, workspace)}")


@permissions.command("explain")
def permissions_explain(permission: Annotated[str, typer.Argument(help="A tuple or a URN.")]) -> None:
    """Say which operations a permission opens. Ends with status 1 when it is a mistake or opens nothing."""
    grant = parse_urn_grant(permission)
    mistake = mistake_in(permission, grant.workspace_id if grant else "")
    if mistake is not None:
        typer.echo(f"'{permission}' is no permission: {mistake}", err=True)
        raise typer.Exit(1)
    found = False
    for use in uses_of(permission, _requirements()):
        found = True
        together = f", together with {' and '.join(use.also)}" if use.also else ""
        typer.echo(f"{use.operation}{f' ({use.need.when})' if use.need.when else ''}{together}")
    if not found:
        typer.echo(f"'{permission}' opens no operation that this service has.", err=True)
        raise typer.Exit(1)


def _requirements() -> Operations:
    from unkey_api.container.areas import REQUIREMENTS  # noqa: PLC0415 - brings all areas along, no other command needs them

    return REQUIREMENTS


def _heading(need: Need) -> str:
    return f"needed {need.when}, one of:" if need.when else "one of:"


def _as_json(need: Need, workspace: str) -> dict[str, object]:
    return {"when": need.when or None, "anyOf": [_placed(each, workspace) for each in need.permissions()]}


def _placed(permission: str, workspace: str) -> str:
    return permission.replace(WORKSPACE, workspace)
