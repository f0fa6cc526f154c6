"""Write docs/configuration.md from the settings classes.

    python -m tools.settings_table

A test fails when the page is not what this prints.
"""

from __future__ import annotations

from pathlib import Path

from unkey_api.settings.reading import KeyDescription, describe, describe_auth

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
- `${NAME}` in a value of the file stands for an environment variable, which must be set; `${NAME:-text}` stands for
  `text` where it is not, and `${NAME:-}` for nothing. What a variable holds is a value and nothing else: quotes and
  line breaks in it are harmless. A value that is one `${NAME}`, with quotes or without, may be of any type and is read
  like the variable beside the key. Every other `$` means itself; a literal `${` is written `$${`.
- Zero is zero, not the default, and must lie in the range like any other number. Empty text means the default.
- A number or duration outside of its range is refused. Durations are numbers with a unit: `500ms`, `1s`, `1m30s`, `1h`.
- All problems are reported at once. Unknown keys, unknown variables that begin with `UNKEY_`, and parameters of
  addresses that nobody understands are among them, each with the nearest known name. The process then ends with
  status 1. `unkey-api config check` finds what `serve` would find, files included.
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
| `OTEL_*` | Which requests are traced, and where spans go: see [traces](traces.md#variables). |

Variables that Kubernetes sets for a Service called `unkey-…` (`UNKEY_API_SERVICE_HOST` and the like) are let be, and so
are those the file refers to.

## Addresses

`database.primary` and `database.readonly_replica` come in two forms. In the URL form reserved characters of user name
and password are percent-encoded (`@` is `%40`, `/` is `%2F`, `#` is `%23`, `?` is `%3F`); in the other form nothing is.

| parameter | meaning |
|---|---|
| `parseTime` | Must be `true` in the form with `tcp(…)`. |
| `tls`, `ssl-mode` | How much TLS, see below. |
| `tls-ca`, `ssl-ca` | PEM file with the authorities to trust; alone it means `tls=true`. |
| `unix_socket` | Path of the server's socket, in the URL form. |

| `tls` | `ssl-mode` | connection |
|---|---|---|
| `true` | `VERIFY_IDENTITY` | encrypted, certificate verified for this host |
| | `VERIFY_CA` | encrypted, certificate verified for any host |
| `skip-verify`, `preferred` | `REQUIRED`, `PREFERRED` | encrypted, certificate not verified |
| `false`, the default | `DISABLED` | in clear |

Other parameters of Go's driver (`charset`, `collation`, `loc`, `timeout`, …) are let be and have no effect.

`redis_url` takes `db`, and with `rediss://` also `ssl_ca_certs`, `ssl_certfile` and `ssl_keyfile`, `ssl_check_hostname`
and `ssl_cert_reqs` (`required` or `none`). Certificates are verified for the host unless these say otherwise.

`clickhouse.url` takes `secure`, `username`, `password` and `database`; other parameters of Go's driver have no effect.
All other URLs take no parameters, except `jwks_url`, which may have any.
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
    head = ["key", "type", "default", "range", "variable", "meaning"]
    rows = [head, ["---"] * len(head)]
    rows += [[f"`{key.path}`", key.type, key.default, key.range, f"`{key.environment}`", key.meaning] for key in keys]
    if not with_variable:
        rows = [row[:3] + row[5:] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    main()
