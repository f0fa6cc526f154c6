"""What an import leaves on disk: how far it came, and the lines it could not use.

Before a batch is written to the database the journal names it by the id of its first key. Whoever finds such a journal
asks the database whether that key is there: the batch is one transaction, so it is all there or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

import orjson

from unkey_api.areas.keys.transfer.types import Progress, Rejection, Target, TransferRefused

VERSION = 1


class Pending(NamedTuple):
    """A batch that may or may not have been committed."""

    first_key_id: str
    after: Progress
    """Where the import stands if it was."""


class JournalState(NamedTuple):
    """What the journal says."""

    done: Progress
    pending: Pending | None
    """None when there was no earlier run."""


class Journal:
    """The journal of one import. Each write replaces the file, so a kill leaves the old text or the new one."""

    def __init__(self, path: Path, identity: Mapping[str, object]) -> None:
        self._path = path
        self._identity = dict(identity)

    @classmethod
    def of(cls, path: Path, fingerprint: str, target: Target) -> Self:
        """Return the journal of importing this file into this target."""
        goal = {"workspace": target.workspace_id, "keyspace": target.keyspace_id, "migration": target.migration_id}
        return cls(path, {"version": VERSION, "file": fingerprint, **goal})

    def read(self) -> JournalState:
        """Return where an earlier run stopped; the beginning when there was none.

        Raises:
            TransferRefused: It is of another import, or cannot be read.
        """
        try:
            found = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return JournalState(Progress(), None)
        except (OSError, orjson.JSONDecodeError) as err:
            raise TransferRefused(f"{self._path} cannot be read; remove it to start over") from err
        if {name: found.get(name) for name in self._identity} != self._identity:
            raise TransferRefused(
                f"{self._path} is of another file or target; remove it to start over, or name another with --journal"
            )
        pending = found["pending"]
        return JournalState(
            done=Progress(*found["done"]),
            pending=Pending(pending["first_key_id"], Progress(*pending["after"])),
        )

    def write(self, done: Progress, pending: Pending) -> None:
        """Say how far the import has come, and which batch is about to be written."""
        under_way = {"first_key_id": pending.first_key_id, "after": list(pending.after)}
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("wb") as out:
            out.write(orjson.dumps({**self._identity, "done": list(done), "pending": under_way}))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._path)

    def remove(self) -> None:
        """Forget the import: it is finished."""
        self._path.unlink(missing_ok=True)


class RejectsFile:
    """Rejected lines with their reasons, one JSON object each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, length: int) -> None:
        """Cut the file to what earlier batches wrote. Length 0 removes it.

        Raises:
            TransferRefused: The file is shorter: somebody changed it.
        """
        found = self.path.stat().st_size if self.path.exists() else 0
        if found < length:
            raise TransferRefused(f"{self.path} was changed since the import stopped; remove the journal to start over")
        if length == 0:
            self.path.unlink(missing_ok=True)
        elif found > length:
            os.truncate(self.path, length)

    def append(self, progress: Progress, rejections: Iterable[Rejection]) -> Progress:
        """Add lines and return the progress with them counted."""
        lines = [orjson.dumps({k: v for k, v in r._asdict().items() if v != ""}) + b"\n" for r in rejections]
        if not lines:
            return progress
        data = b"".join(lines)
        # Hashes are for the eyes of whoever runs the import only.
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as out:
            out.write(data)
        return progress._replace(
            rejected=progress.rejected + len(lines), rejects_bytes=progress.rejects_bytes + len(data)
        )
