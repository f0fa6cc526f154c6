"""The commands."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.text import Text

from unkey_api.cli import analytics, keys, permissions, root_keys, workspaces
from unkey_api.cli.databases import ConfigOption, read_settings, run_migrations
from unkey_api.cli.text import harmless
from unkey_api.container.inspection import of_serving
from unkey_api.core.clock import SystemClock
from unkey_api.core.errors import AppError
from unkey_api.core.ids import RandomIds

_OF_DEVELOPMENT = ("chdb", "starlette", "uvicorn")  # Valkey may come from elsewhere, and says so itself

app = typer.Typer(
    name="unkey-api",
    help="API keys, rate limits, identities and permissions over Connect, gRPC and HTTP/JSON.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(keys.keys, name="keys")
app.add_typer(permissions.permissions, name="permissions")
app.add_typer(root_keys.root_keys, name="root-key")
app.add_typer(workspaces.workspaces, name="workspace")
app.add_typer(analytics.analytics, name="analytics")


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Serve the API until SIGTERM or SIGINT."""
    from unkey_api.cli.serving import serve_settings  # noqa: PLC0415 - the server's imports cost the other commands time

    raise typer.Exit(serve_settings(read_settings(config, inspect=of_serving(os.environ))))


@app.command()
def dev(
    data_dir: Annotated[Path, typer.Option(help="Where the stores keep their data.")] = Path(".unkey-dev"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of HTTP/1.1.")] = 7070,
    http2_port: Annotated[int, typer.Option(help="Port of HTTP/2 and gRPC; 0 turns it off.")] = 7071,
    workers: Annotated[int, typer.Option(help="Processes that serve requests.")] = 1,
) -> None:
    """Start everything on this machine: MariaDB, Valkey, ClickHouse, a vault, and the API with a demo workspace."""
    missing = [name for name in _OF_DEVELOPMENT if not _installed(name)]
    if missing:
        named = ", ".join(missing)
        advice = f"unkey-api dev needs what a production install leaves out ({named}): pip install 'unkey-api[dev]'"
        typer.echo(advice, err=True)
        raise typer.Exit(1)
    from unkey_api.dev.command import run_dev, serve_in_child  # noqa: PLC0415 - production installs lack its packages
    from unkey_api.dev.folder import DevOptions  # noqa: PLC0415 - the same

    options = DevOptions(data_dir=data_dir, host=host, http_port=port, http2_port=http2_port, workers=workers)
    ending = run_dev(options, clock=SystemClock(), ids=RandomIds(), say=typer.echo, serve=serve_in_child)
    raise typer.Exit(asyncio.run(ending))


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Create or update the tables of MySQL, and of ClickHouse where it is configured. Safe to repeat."""
    asyncio.run(run_migrations(read_settings(config), Console()))


@app.command()
def openapi(
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of YAML.")] = False,  # noqa: FBT002 - an option
) -> None:
    """Print the OpenAPI document."""
    from unkey_api.openapi_document import read_document  # noqa: PLC0415 - the same

    document = read_document()
    sys.stdout.write((document.json if as_json else document.yaml).decode())


@config_app.command("check")
def config_check(config: ConfigOption = None) -> None:
    """Say whether the configuration can be used; list every problem if not."""
    read_settings(config, inspect=of_serving(os.environ))
    Console().print("The configuration is fine.")


def main() -> None:
    """Run the command line. Expected failures end with status 1 and one sentence.

    Standard output is for what a command prints, which programs read: log lines go to standard error, and only those
    that tell of trouble. `serve` sets its own logging up.
    """
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        app()
    except AppError as err:
        said = "\n".join(map(harmless, err.public.splitlines()))
        # As text: what an operator typed and what callers named may look like markup, or move the cursor.
        Console(stderr=True).print(Text(said, style="red"), highlight=False, soft_wrap=True)
        sys.exit(1)
