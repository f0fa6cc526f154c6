"""Where the configuration text comes from, and how variables in it are filled in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unkey_api.settings.problems import ConfigError, Problem

CONFIG_VARIABLE = "UNKEY_CONFIG"
DEFAULT_FILE = "unkey.toml"
_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[0-9]))")


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed configuration text."""

    label: str
    """What to call it in messages: a file name or `inline`. Never the text."""
    tree: Mapping[str, object]


def read_source(source: str | None, environ: Mapping[str, str]) -> Source:
    """Find, expand and parse the configuration.

    Args:
        source: File path, or TOML text when it holds `=` or a line break. None falls back to `UNKEY_CONFIG`, then to
            `unkey.toml` in the working directory, which may be absent: everything can come from the environment.
        environ: Environment variables.

    Raises:
        ConfigError: A named file cannot be read, or the text is not TOML.
    """
    named = source or environ.get(CONFIG_VARIABLE)
    if named and ("=" in named or "\n" in named):
        return Source("inline", _parse("inline", named, environ))
    file = Path(named or DEFAULT_FILE)
    if not named and not file.exists():
        return Source("environment", {})
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "not UTF-8 text"
        raise ConfigError(str(file), (Problem("", f"the file cannot be read: {reason}"),)) from err
    return Source(str(file), _parse(str(file), text, environ))


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` by the environment's values, undefined ones by nothing. There is no escape."""
    return _VARIABLE.sub(lambda found: environ.get(found[1] or found[2] or "", ""), text)


def _parse(label: str, text: str, environ: Mapping[str, str]) -> Mapping[str, object]:
    try:
        return tomllib.loads(expand(text, environ))
    except tomllib.TOMLDecodeError as err:
        raise ConfigError(label, (Problem("", f"the text is not valid TOML: {err}"),)) from err
