"""The configuration that `unkey-api serve` gets from the embedded stack."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from unkey_api.core.secret import Secret
from unkey_api.dev.options import DevOptions

Section = dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the embedded stores are."""

    database: Secret
    redis: str
    clickhouse: str
    vault: str
    vault_token: Secret


def render_config(options: DevOptions, addresses: Addresses) -> str:
    """Return the TOML text.

    The control plane and the workflow ingress are not embedded; both names lead to the vault's port, where every call
    of theirs is answered with an error, as it would be with the real ones away.
    """
    token = addresses.vault_token.reveal()
    sections: dict[str, Section] = {
        "": {
            "platform": "development",
            "region": "local",
            "bind_address": options.host,
            "http_port": options.http_port,
            "http2_port": options.http2_port,
            "workers": options.workers,
            "redis_url": addresses.redis,
        },
        "database": {"primary": addresses.database.reveal()},
        "clickhouse": {"url": addresses.clickhouse, "analytics_url": addresses.clickhouse},
        "vault": {"url": addresses.vault, "token": token},
        "control": {"url": addresses.vault, "token": token},
        "restate": {"url": addresses.vault, "api_key": token},
    }
    head = "# Written by `unkey-api dev` on every start; changes here are lost.\n"
    entries = ["root_key", "portal_session"]
    auth = "".join(f"\n[[auth]]\ntype = {_text(entry)}\n" for entry in entries)
    return head + "".join(_section(name, keys) for name, keys in sections.items()) + auth


def _section(name: str, keys: Section) -> str:
    title = f"\n[{name}]\n" if name else ""
    return title + "".join(f"{key} = {_text(value)}\n" for key, value in keys.items())


def _text(value: str | int) -> str:
    """JSON strings and integers are TOML strings and integers."""
    return json.dumps(value)


def write_private(file: Path, text: str) -> None:
    """Write `text` to a file that only its owner can read, also when the file was there before."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text)
