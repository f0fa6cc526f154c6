"""The data folder: one owner at a time, secrets for its owner's eyes only."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unkey_api.core.secret import Secret
from unkey_api.dev.config_file import write_private
from unkey_api.dev.options import CannotStart

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
