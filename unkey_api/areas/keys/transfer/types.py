"""What imports and exports are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from unkey_api.areas.keys.schemes.salted import HashCaps
from unkey_api.areas.keys.types import MigrateKey
from unkey_api.core.errors import InvalidInput
from unkey_api.core.ids import KeyspaceId, MigrationId


class FileFormat(StrEnum):
    """How a file is written."""

    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where imported keys go."""

    workspace_id: str
    project_id: str
    api_id: str
    api_name: str
    keyspace_id: KeyspaceId
    migration_id: MigrationId | None
    prefixed: bool
    """The migration is one of prefixed-api-key: hashes are of the long token."""
    caps: HashCaps = field(default_factory=HashCaps)
    """What a salted hash may cost."""


class RawRecord(NamedTuple):
    """One record as it stands in the file."""

    number: int
    """1 for the first."""
    line: int
    """Where it ends in the file, for people."""
    document: Mapping[str, object]
    problem: str
    """Why it cannot be read; empty when it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRecord:
    """One key to import."""

    line: int
    key: MigrateKey
    start: str
    pending: bool
    """Its first use finishes the migration."""
    key_id: str | None = None
    """The id to keep; None draws one."""
    created_at_ms: int | None = None
    identity_meta: str | None = None
    """JSON text for an identity that does not exist yet."""


class Rejection(NamedTuple):
    """One record that was not imported."""

    line: int
    reason: str
    hash: str = ""
    """As it would be stored; empty when the record has none that could be. Never a secret."""


class Rejected(Exception):
    """This record cannot be imported; the text says why."""


class Progress(NamedTuple):
    """How far an import has come."""

    number: int = 0
    """The last record dealt with."""
    imported: int = 0
    rejected: int = 0
    rejects_bytes: int = 0
    """Length of the file of rejected lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did, earlier runs included."""

    imported: int
    rejected: int
    resumed: bool
    """Whether an earlier run had begun."""
    new: int
    """Keys imported by this run."""


class TransferRefused(InvalidInput):
    """The command does not fit the data; the sentence says how to go on."""
