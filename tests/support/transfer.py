"""Files of keys, and a place to import them into."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.harness import Caller, Harness
from tests.support.mysql import run_sql
from unkey_api.areas.keys.transfer.importing import ImportKeys
from unkey_api.areas.keys.transfer.journal import Journal, RejectsFile
from unkey_api.areas.keys.transfer.reading import open_records
from unkey_api.areas.keys.transfer.targets import find_target
from unkey_api.areas.keys.transfer.types import ImportReport, Target
from unkey_api.areas.keys.transfer.writing import BatchWriter
from unkey_api.areas.projects.service import DefaultProject
from unkey_api.audit.service import AuditLog
from unkey_api.core.ids import RandomIds
from unkey_api.infra.mysql import Dsn


def native(secret: str) -> str:
    """The hash as we store it."""
    return b64encode(hashlib.sha256(secret.encode()).digest()).decode()


def write_lines(path: Path, documents: Iterable[object]) -> Path:
    """Write JSON Lines; texts are written as they are."""
    lines = [document if isinstance(document, str) else json.dumps(document) for document in documents]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass
class Depot:
    """A workspace with one API to import into."""

    api: Harness
    dsn: Dsn
    admin: Caller
    api_id: str
    folder: Path

    @classmethod
    async def make(cls, api: Harness, dsn: Dsn, folder: Path) -> Depot:
        admin = await api.admin()
        created = (await api.post("/v2/apis.createApi", {"name": "depot"}, admin)).json["data"]
        return cls(api, dsn, admin, created["apiId"], folder)

    @property
    def workspace_id(self) -> str:
        return self.admin.workspace_id

    @property
    def rejects(self) -> RejectsFile:
        return RejectsFile(self.folder / "rejects.jsonl")

    @property
    def journal_path(self) -> Path:
        return self.folder / "journal"

    def rejected(self) -> list[dict[str, Any]]:
        """What the file of rejected lines holds."""
        if not self.rejects.path.exists():
            return []
        return [json.loads(line) for line in self.rejects.path.read_text().splitlines()]

    async def target(self, migration: str = "") -> Target:
        projects = DefaultProject(clock=self.api.clock, ids=RandomIds())
        return await find_target(
            self.api.database, projects, self.workspace_id, api=self.api_id, keyspace="", migration=migration
        )

    async def run(self, path: Path, *, migration: str = "", dry_run: bool = False) -> ImportReport:
        """Import a file as the command does."""
        ids = RandomIds()
        database = self.api.database
        writer = BatchWriter(database, AuditLog(clock=self.api.clock, ids=ids), clock=self.api.clock, ids=ids)
        target = await self.target(migration)
        with open_records(path) as source:
            if dry_run:
                return await ImportKeys(database, writer).rehearse(source, target, self.rejects, lambda *_: None)
            journal = Journal.of(self.journal_path, source.fingerprint(), target)
            return await ImportKeys(database, writer)(source, target, journal, self.rejects, lambda *_: None)

    async def import_lines(self, *documents: object, migration: str = "", dry_run: bool = False) -> ImportReport:
        """Import these records."""
        path = write_lines(self.folder / f"{secrets.token_hex(4)}.jsonl", documents)
        return await self.run(path, migration=migration, dry_run=dry_run)

    async def import_csv(self, text: str, **options: Any) -> ImportReport:
        """Import CSV."""
        path = self.folder / f"{secrets.token_hex(4)}.csv"
        path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        return await self.run(path, **options)

    async def migration(self, algorithm: str = "sha256") -> str:
        """Make a migration."""
        migration = f"mig_{secrets.token_hex(6)}"
        await self.sql(f"INSERT INTO key_migrations VALUES (NULL, '{migration}', '{self.workspace_id}', '{algorithm}')")
        return migration

    async def verify(self, secret: str, **body: object) -> Any:
        """Verify a key and return the answer's data."""
        return (await self.api.post("/v2/keys.verifyKey", {"key": secret, **body}, self.admin)).json["data"]

    async def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return await run_sql(self.dsn, statement)

    async def count(self) -> int:
        """How many keys the workspace has."""
        [(number,)] = await self.sql(f"SELECT COUNT(*) FROM `keys` WHERE workspace_id = '{self.workspace_id}'")
        return int(number)
