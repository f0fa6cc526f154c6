"""`unkey-api root-key create|update|disable|enable|rotate|revoke|list`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from unkey_api.admin.service import AdminService
from unkey_api.admin.types import RootKeyChange, RootKeyLine, all_permissions
from unkey_api.areas.rootkeys.requirements import require_known
from unkey_api.cli.databases import ConfigOption, as_admin
from unkey_api.cli.text import NEVER, harmless, instant, parse_instant, parse_span, print_table
from unkey_api.core.clock import SystemClock
from unkey_api.core.errors import InvalidInput
from unkey_api.core.secret import Secret

T = TypeVar("T")
NAME_LENGTH_MAX = 255

root_keys = typer.Typer(help="Issue, list, change, rotate and revoke root keys.", no_args_is_help=True)

KeyArgument = Annotated[
    str, typer.Argument(metavar="KEY", help="Id of the root key, or the start of its secret if no other begins so.")
]
ExpiresOption = Annotated[
    str | None,
    typer.Option(help="When the key ends: 30d, 12h, 2027-01-31 (midnight UTC) or 2027-01-31T12:00:00Z."),
]
OverRootKeysOption = Annotated[
    bool, typer.Option("--over-root-keys", help="The key may act for the workspace in which root keys live.")
]
InFullOption = Annotated[bool, typer.Option("--permissions", help="All permissions instead of their number.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of a table; has all permissions.")]


@root_keys.command("create")
def root_key_create(
    workspace: Annotated[str, typer.Option(help="Id of the workspace the key acts for.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "root key",
    permission: Annotated[
        list[str] | None, typer.Option(help="Permission to grant; repeat for several. Default: everything.")
    ] = None,
    expires: ExpiresOption = None,
    over_root_keys: OverRootKeysOption = False,  # noqa: FBT002 - an option
    config: ConfigOption = None,
) -> None:
    """Issue a root key and print its secret, which is shown only now."""
    _check_name(name)
    ends = _expiry(expires)
    permissions = tuple(dict.fromkeys(permission)) if permission else all_permissions(workspace)

    async def create(admin: AdminService) -> tuple[str, Secret]:
        require_known(workspace, permissions)
        issued = await admin.create_root_key(
            workspace, name, permissions, expires_ms=ends, over_root_keys=over_root_keys
        )
        return issued.id, issued.secret

    key_id, secret = _as_admin(config, create)
    granted = f"{_count(permissions)}{'' if permission else ', which allow everything'}"
    _show(secret, f"Root key {key_id} has {granted}, and {_ending(ends)}.")


@root_keys.command("update")
def root_key_update(  # noqa: PLR0913, PLR0917 - options
    key: KeyArgument,
    name: Annotated[str | None, typer.Option(help="What the key is for.")] = None,
    permission: Annotated[
        list[str] | None, typer.Option(help="All it shall be allowed; repeat for several. The others are taken away.")
    ] = None,
    add_permission: Annotated[list[str] | None, typer.Option(help="Permission to grant beside those it has.")] = None,
    remove_permission: Annotated[list[str] | None, typer.Option(help="Permission to take away.")] = None,
    expires: ExpiresOption = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="The key has no end.")] = False,  # noqa: FBT002
    over_root_keys: OverRootKeysOption = False,  # noqa: FBT002 - an option
    config: ConfigOption = None,
) -> None:
    """Change name, permissions or expiry of a root key. What is not named stays."""
    if permission and (add_permission or remove_permission):
        right = "it names all permissions; leave out --add-permission and --remove-permission"
        raise typer.BadParameter(right, param_hint="--permission")
    if expires is not None and never_expires:
        raise typer.BadParameter("leave out either --expires or --never-expires", param_hint="--expires")
    if name is not None:
        _check_name(name)
    change = RootKeyChange(
        name=name,
        permissions=tuple(permission) if permission else None,
        add=tuple(add_permission or ()),
        remove=tuple(remove_permission or ()),
        set_expires=expires is not None or never_expires,
        expires_ms=_expiry(expires),
    )
    if change == RootKeyChange():
        raise typer.BadParameter("name what to change; `root-key update --help` lists it")
    found, done = _as_admin(config, lambda admin: admin.root_keys.update(key, change, over_root_keys=over_root_keys))
    typer.echo(f"Updated {_described(found)}." if done else f"{_described(found)} was like that already.")


@root_keys.command("disable")
def root_key_disable(key: KeyArgument, config: ConfigOption = None) -> None:
    """Refuse a root key until it is enabled again."""
    found, done = _as_admin(config, lambda admin: admin.root_keys.update(key, RootKeyChange(enabled=False)))
    typer.echo(f"Disabled {_described(found)}." if done else f"{_described(found)} was disabled already.")


@root_keys.command("enable")
def root_key_enable(
    key: KeyArgument,
    over_root_keys: OverRootKeysOption = False,  # noqa: FBT002 - an option
    config: ConfigOption = None,
) -> None:
    """Let a root key be used again."""
    change = RootKeyChange(enabled=True)
    found, done = _as_admin(config, lambda admin: admin.root_keys.update(key, change, over_root_keys=over_root_keys))
    typer.echo(f"Enabled {_described(found)}." if done else f"{_described(found)} was enabled already.")


@root_keys.command("rotate")
def root_key_rotate(
    key: KeyArgument,
    grace: Annotated[str, typer.Option(help="For how long the old key keeps working: 1h, 7d; 0 ends it at once.")],
    over_root_keys: OverRootKeysOption = False,  # noqa: FBT002 - an option
    config: ConfigOption = None,
) -> None:
    """Replace a root key by one with a new secret, which is printed and shown only now.

    Name, permissions, expiry and whether it is enabled are those of the old key, which ends after the grace period, or
    earlier if it would have ended earlier. A key is rotated once.
    """
    try:
        grace_ms = parse_span(grace) // timedelta(milliseconds=1)
    except ValueError as err:
        raise typer.BadParameter(str(err), param_hint="--grace") from err
    done = _as_admin(config, lambda admin: admin.root_keys.rotate(key, grace_ms, over_root_keys=over_root_keys))
    switch = "" if done.old.enabled else " Both are disabled."
    old = f"{_described(done.old)}, which {_ending(done.old_ends)}"
    _show(done.new.secret, f"Root key {done.new.id} replaces {old}.{switch}")


@root_keys.command("revoke")
def root_key_revoke(key: KeyArgument, config: ConfigOption = None) -> None:
    """Revoke a root key for good. Running servers refuse it within a second, also where no bus connects them."""
    typer.echo(f"Revoked {_described(_as_admin(config, lambda admin: admin.root_keys.revoke(key)))}.")


@root_keys.command("list")
def root_key_list(
    workspace: Annotated[str, typer.Option(help="Only those of this workspace.")] = "",
    permissions: InFullOption = False,  # noqa: FBT002 - an option
    as_json: JsonOption = False,  # noqa: FBT002 - an option
    config: ConfigOption = None,
) -> None:
    """List the live root keys, newest first. Times are in UTC."""

    async def read(admin: AdminService) -> list[tuple[RootKeyLine, tuple[str, ...]]]:
        lines = await admin.list_root_keys(workspace)
        held = await admin.permissions_of(lines)
        return [(line, held[line.id]) for line in lines]

    found = _as_admin(config, read)
    if as_json:
        typer.echo(json.dumps([_as_json(*each) for each in found], indent=2))
        return
    columns = ("id", "start", "name", "workspace", "enabled", "expires", "last used", "permissions", "created")
    print_table(columns, [_row(*each, in_full=permissions) for each in found])


def _row(key: RootKeyLine, held: tuple[str, ...], *, in_full: bool) -> tuple[str, ...]:
    return (
        key.id,
        key.start,
        key.name or "",
        key.for_workspace_id,
        "yes" if key.enabled else "no",
        instant(key.expires),
        instant(key.last_used_at or None),
        " ".join(held) if in_full else str(len(held)),
        instant(key.created_at_m),
    )


def _as_json(key: RootKeyLine, held: tuple[str, ...]) -> dict[str, object]:
    return {
        "id": key.id,
        "start": key.start,
        "name": key.name,
        "workspaceId": key.for_workspace_id,
        "enabled": key.enabled,
        "expires": None if key.expires is None else instant(key.expires),
        "lastUsedAt": instant(key.last_used_at) if key.last_used_at else None,
        "createdAt": instant(key.created_at_m),
        "permissions": list(held),
    }


def _as_admin(config: str | None, work: Callable[[AdminService], Awaitable[T]]) -> T:
    """Run `work` with the operator's use cases; what the options got wrong is said as a wrong use of the command."""
    try:
        return as_admin(config, work)
    except InvalidInput as err:
        raise typer.BadParameter(err.public) from err


def _check_name(name: str) -> None:
    if not name or len(name) > NAME_LENGTH_MAX or not name.isprintable():
        right = f"from 1 to {NAME_LENGTH_MAX} characters, none of them a control character"
        raise typer.BadParameter(f"write {right}", param_hint="--name")


def _expiry(text: str | None) -> int | None:
    try:
        return None if text is None else parse_instant(text, SystemClock().now_ms())
    except ValueError as err:
        raise typer.BadParameter(str(err), param_hint="--expires") from err


def _described(key: RootKeyLine) -> str:
    name = f" '{harmless(key.name)}'" if key.name else ""
    return f"root key {key.id}{name} ({harmless(key.start)}…) for {key.for_workspace_id}"


def _count(permissions: tuple[str, ...]) -> str:
    return f"{len(permissions)} permission{'' if len(permissions) == 1 else 's'}"


def _ending(ends: int | None) -> str:
    when = instant(ends)
    return "never expires" if when == NEVER else f"works until {when}"


def _show(secret: Secret, sentence: str) -> None:
    """Print the secret alone on standard output, so that a program can take it, and what to know beside it."""
    note = f"{sentence} Keep the secret: it cannot be shown again."
    Console(stderr=True).print(note, markup=False, highlight=False, soft_wrap=True)
    typer.echo(secret.reveal())
