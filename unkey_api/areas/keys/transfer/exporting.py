"""Export keys to a file."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable
from typing import TextIO

import orjson

from unkey_api.areas.keys.transfer import queries
from unkey_api.areas.keys.transfer.queries import ApiRow, ExportRow
from unkey_api.areas.keys.transfer.types import FileFormat
from unkey_api.areas.keys.types import LimitColumns
from unkey_api.infra.mysql import Database

PAGE = 500
COLUMNS = (
    *("keyId", "keyspaceId", "hash", "start", "name", "identityId", "externalId", "identityMeta", "meta", "roles"),
    *("permissions", "expires", "enabled", "remaining", "refillInterval", "refillAmount", "refillDay", "ratelimits"),
    *("identityRatelimits", "migrationId", "createdAt", "updatedAt", "lastUsedAt"),
)


async def export_keys(
    database: Database, workspace_id: str, apis: Iterable[ApiRow], *, migration_id: str
) -> AsyncIterator[list[dict[str, object]]]:
    """Yield the live keys of APIs, page by page; those of one migration unless it is empty.

    Keys that are created or deleted meanwhile may or may not be among them; every other key is, once.
    """
    for api in apis:
        after = ""
        while True:
            rows = await queries.list_keys(
                database.replica, workspace_id, api.keyspace_id, migration_id=migration_id, after=after, count=PAGE
            )
            if rows:
                yield [_document(row) for row in rows]
            if len(rows) < PAGE:
                break
            after = rows[-1].id


class ExportWriter:
    """Writes exported keys in one of the formats."""

    def __init__(self, out: TextIO, file_format: FileFormat) -> None:
        self._out = out
        self._csv = csv.writer(out, lineterminator="\n") if file_format is FileFormat.CSV else None
        if self._csv is not None:
            self._csv.writerow(COLUMNS)

    def write(self, documents: Iterable[dict[str, object]]) -> None:
        """Add keys."""
        if self._csv is None:
            self._out.write("".join(orjson.dumps(document).decode() + "\n" for document in documents))
        else:
            self._csv.writerows([_cell(document.get(name)) for name in COLUMNS] for document in documents)


def _document(row: ExportRow) -> dict[str, object]:
    """Return a key without what it lacks."""
    refill = None
    if row.refill_amount is not None:
        refill = {"refillInterval": "monthly" if row.refill_day else "daily", "refillAmount": row.refill_amount}
    values: dict[str, object] = {
        "keyId": row.id,
        "keyspaceId": row.keyspace_id,
        "hash": row.hash,
        "start": row.start or None,
        "name": row.name,
        "identityId": row.identity_id,
        "externalId": row.external_id,
        "identityMeta": _meta(row.identity_meta),
        "meta": _meta(row.meta),
        "roles": sorted(row.roles or ()) or None,
        "permissions": sorted(row.permissions or ()) or None,
        "expires": row.expires,
        "enabled": row.enabled,
        "remaining": row.remaining,
        **(refill or {}),
        "refillDay": row.refill_day,
        "ratelimits": _limits(row.ratelimits),
        "identityRatelimits": _limits(row.identity_ratelimits),
        "migrationId": row.migration_id,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "lastUsedAt": row.last_used_at or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _meta(text: str | None) -> object:
    """Return stored metadata as an object; None for none, for an empty one and for text that is not JSON."""
    if not text:
        return None
    try:
        decoded: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return decoded or None


def _limits(columns: list[LimitColumns] | None) -> list[dict[str, object]] | None:
    limits: list[dict[str, object]] = [
        {"name": name, "limit": limit, "duration": duration, "autoApply": bool(auto)}
        for _, name, limit, duration, auto in sorted(columns or ())
    ]
    return limits or None


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value
