"""Write docs/configuration.md from the settings classes.

    python -m tools.settings_table

A test fails when the page is not what this prints.
"""

from __future__ import annotations

from pathlib import Path

from unkey_api.settings.describe import KeyDescription, describe, describe_auth

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"

_INTRODUCTION = """\
# Configuration

<!-- Written by `python -m tools.settings_table`. Edit the settings classes, not this page. -->

The service reads one TOML file. Its place is the value of `--config`, else of the environment variable `UNKEY_CONFIG`,
else `unkey.toml` in the working directory, which may be absent. A value that holds `=` or a line break is taken as the
TOML text itself.

- Every key can also be set by the environment variable beside it, which wins over the file. An empty variable counts as
  not set. Lists are comma separated or TOML arrays; `UNKEY_AUTH` is a TOML array of tables, for example
  `[{type = "root_key"}]`.
- `$NAME` and `${NAME}` in the file are replaced by environment variables before it is parsed, undefined ones by
  nothing. There is no escape: a literal `$` does not survive, so give such a value through its variable.
- An explicit `0`, `""` or `0s` means the default, except where zero is said to be a value.
- All problems are reported at once, and an unknown key is one of them. The process then ends with status 1.
- Durations are numbers with a unit: `500ms`, `1s`, `1m30s`, `1h`.
- The sections `clickhouse`, `tls`, `vault`, `control`, `restate`, `github`, `pprof` and `gossip` are optional. Required
  keys in them count only once the section, or one of its variables, is there.
"""

_OUTSIDE = """\
## Environment variables without a key

| variable | meaning |
|---|---|
| `UNKEY_CONFIG` | Where the configuration is, when `--config` is not given. |
| `UNKEY_LOG_LEVEL` | `debug`, `info` (default), `warn` or `error`. |
| `NO_COLOR` | When set to anything, logs on a terminal are JSON too. |
| `OTEL_EXPORTER_OTLP_*` | Where traces go, as OpenTelemetry defines them. |
"""


def render() -> str:
    """Return the page."""
    parts = [_INTRODUCTION, "## Keys\n", _table(describe())]
    parts.append("## Entries of `[[auth]]`\n\nEach entry has a `type`; the fields it may have depend on it.\n")
    for name, keys in describe_auth().items():
        parts.append(f"### `{name}`\n")
        parts.append(_table(keys) if keys else "No fields.\n")
    parts.append(_OUTSIDE)
    return "\n".join(parts)


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")


def _table(keys: list[KeyDescription]) -> str:
    with_variable = any(key.environment for key in keys)
    head = ["key", "type", "default", "variable", "meaning"]
    rows = [head, ["---"] * len(head)]
    rows += [[f"`{key.path}`", key.type, key.default, f"`{key.environment}`", key.meaning] for key in keys]
    if not with_variable:
        rows = [row[:3] + row[4:] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    main()
