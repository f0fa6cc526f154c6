"""Reading the configuration for a command, with errors a person can act on."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from unkey_api.container.inspection import of_databases
from unkey_api.settings.load import Inspect, load_settings
from unkey_api.settings.problems import ConfigError
from unkey_api.settings.sections import Settings

ConfigOption = Annotated[
    str | None,
    typer.Option("--config", help="Path of the TOML file, or TOML text. Default: $UNKEY_CONFIG, then unkey.toml."),
]


def read_settings(config: str | None, *, inspect: Inspect = of_databases) -> Settings:
    """Return the settings, or print every problem with its place and end the process with status 1.

    `inspect` looks at what the command will open.
    """
    try:
        return load_settings(config, os.environ, inspect=inspect)
    except ConfigError as err:
        console = Console(stderr=True)
        console.print(f"[red]The configuration ({escape(err.source)}) cannot be used:[/red]", soft_wrap=True)
        for problem in err.problems:
            console.print(f"  {problem}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from err
