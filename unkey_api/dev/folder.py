"""What one start of `unkey-api dev` is made from: what a person can choose, the data folder, the configuration in it.

The folder has one owner at a time, and its secrets are for its owner's eyes only.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unkey_api.core.secret import Secret

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class CannotStart(Exception):
    """The embedded stack cannot start. The message says what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """Options of one start."""

    data_dir: Path = Path(".unkey-dev")
    """Where everything is kept; made when absent."""
    host: str = "127.0.0.1"
    """Address the service listens on."""
    http_port: int = 7070
    """Port of HTTP/1.1."""
    http2_port: int = 7071
    """Port of HTTP/2 and gRPC; 0 turns it off."""
    workers: int = 1
    """Processes that serve requests; one is easier to debug and starts fastest."""


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


SECRET_BYTES = 24


@contextmanager
def locked_folder(folder: Path) -> Iterator[Path]:
    """Make the folder and keep other starts out of it until the end. The kernel forgets the lock when we die.

    Raises:
        CannotStart: Another process has it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        (folder / ".gitignore").write_text("*\n")
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(
            f"the data folder {folder} cannot be used: {error.strerror}. Choose one with --data-dir."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            raise CannotStart(
                f"the data folder {folder} is in use by another unkey-api dev (process {owner}).\n"
                "Stop that one, or choose another folder with --data-dir."
            ) from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield folder
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class FolderSecrets:
    """Passwords between the service and its private stores."""

    database: Secret
    vault: Secret


def load_secrets(file: Path, random_bytes: Callable[[int], bytes]) -> FolderSecrets:
    """Return the passwords in `file`, inventing them first when there is no such file."""
    if not file.exists():
        fresh = {name: random_bytes(SECRET_BYTES).hex() for name in ("database", "vault")}
        write_private(file, json.dumps(fresh, indent=2) + "\n")
    known = json.loads(file.read_text())
    return FolderSecrets(Secret(known["database"]), Secret(known["vault"]))
