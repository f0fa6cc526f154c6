"""The tables of namespaces and overrides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from unkey_api.areas.ratelimit.requirements import Reach
from unkey_api.areas.ratelimit.types import Namespace, Override, make_namespace
from unkey_api.core.columns import UnixMs
from unkey_api.core.ids import NamespaceId, OverrideId, ProjectId
from unkey_api.infra.mysql import ReadConn, WriteConn, load_query, load_statement

_MAX_INT64 = 2**63 - 1  # the columns are unsigned, answers are not


@dataclass(frozen=True, slots=True)
class NamespaceRow:
    """A namespace without its overrides."""

    id: NamespaceId
    name: str
    deleted_at_m: UnixMs | None


@dataclass(frozen=True, slots=True)
class ListedNamespaceRow:
    """A namespace as it is shown."""

    id: NamespaceId
    name: str
    created_at_m: UnixMs
    updated_at_m: UnixMs | None


@dataclass(frozen=True, slots=True)
class NamespaceIdRow:
    """The id of a namespace."""

    id: NamespaceId


@dataclass(frozen=True, slots=True)
class PatternCountRow:
    """How many patterns there are."""

    patterns: int


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """An override."""

    id: OverrideId
    identifier: str
    limit: int
    duration: int


@dataclass(frozen=True, slots=True)
class NewNamespace:
    """A namespace to insert."""

    id: NamespaceId
    workspace_id: str
    project_id: ProjectId
    name: str
    created_at_m: UnixMs


@dataclass(frozen=True, slots=True)
class OverrideToSet:
    """What an override is to be."""

    id: OverrideId
    """Used if the identifier has no override yet."""
    workspace_id: str
    namespace_id: NamespaceId
    identifier: str
    limit: int
    duration: int
    now: UnixMs


@dataclass(frozen=True, slots=True)
class _NamespaceWithOverrideRow:
    """One override of one namespace, or a namespace that has none."""

    id: NamespaceId
    name: str
    deleted_at_m: UnixMs | None
    override_id: OverrideId | None
    identifier: str | None
    limit: int | None
    duration: int | None


_FIND_WITH_OVERRIDES = load_query(__package__, "ratelimit_namespace_find_with_overrides", row=_NamespaceWithOverrideRow)
_FIND_BY_KEY = load_query(__package__, "ratelimit_namespace_find_by_key", row=NamespaceRow)
_LIST = load_query(__package__, "ratelimit_namespace_list", row=ListedNamespaceRow)
_INSERT_MISSING = load_statement(__package__, "ratelimit_namespace_insert_missing")
_LIST_IDS = load_query(__package__, "ratelimit_namespace_list_ids", row=NamespaceIdRow)
_UPSERT_OVERRIDE = load_statement(__package__, "ratelimit_override_upsert")
_FIND_OVERRIDE_LOCKED = load_query(__package__, "ratelimit_override_find_locked", row=OverrideRow)
_LOCK_NAMESPACE = load_query(__package__, "ratelimit_namespace_lock", row=NamespaceIdRow)
_COUNT_PATTERNS = load_query(__package__, "ratelimit_override_count_patterns", row=PatternCountRow)
_LIST_OVERRIDES = load_query(__package__, "ratelimit_override_list", row=OverrideRow)
_MARK_OVERRIDE_DELETED = load_statement(__package__, "ratelimit_override_mark_deleted")


async def find_with_overrides(conn: ReadConn, workspace_id: str, keys: Sequence[str]) -> list[Namespace]:
    """Return the namespaces whose id or name is among `keys`, deleted ones included."""
    rows = await conn.fetch_all(_FIND_WITH_OVERRIDES, {"workspace_id": workspace_id, "keys": list(keys)})
    return [_namespace(list(group)) for _, group in groupby(rows, key=lambda row: row.id)]


async def find_by_key(conn: ReadConn, workspace_id: str, key: str) -> NamespaceRow | None:
    """Return the namespace with this id or else this name, deleted or not."""
    return await conn.fetch_one(_FIND_BY_KEY, {"workspace_id": workspace_id, "key": key})


async def list_namespaces(
    conn: ReadConn, workspace_id: str, of: Reach, *, cursor: str, pattern: str | None, limit: int
) -> list[ListedNamespaceRow]:
    """Return at most `limit` live namespaces of those, the newest first, beginning at the one whose id is `cursor`.

    An empty cursor begins with the newest, one that is no id finds nothing. `pattern` is a LIKE pattern with `!` as its
    escape; None matches all.
    """
    page = {"workspace_id": workspace_id, "cursor": cursor, "pattern": pattern, "limit": limit}
    # A list is never empty: that would be a subquery, for which no index is used.
    reach: dict[str, list[str]] = {
        "ids": ["", *of.ids],
        "project_ids": ["", *of.project_ids],
        "paired_ids": ["", *of.ids, *(namespace_id for _, namespace_id in of.pairs)],
        "pairs": ["", *map("/".join, of.pairs)],
    }
    return await conn.fetch_all(_LIST, {**page, **reach, "all": of.all})


async def insert_missing(tx: WriteConn, namespaces: Sequence[NewNamespace]) -> None:
    """Insert those whose names are free."""
    await tx.execute_many(_INSERT_MISSING, [asdict(namespace) for namespace in namespaces])


async def existing_ids(conn: ReadConn, workspace_id: str, ids: Sequence[NamespaceId]) -> set[NamespaceId]:
    """Return those of `ids` that exist."""
    rows = await conn.fetch_all(_LIST_IDS, {"workspace_id": workspace_id, "ids": list(ids)})
    return {row.id for row in rows}


async def upsert_override(tx: WriteConn, override: OverrideToSet) -> None:
    """Create, change or revive the override of an identifier."""
    await tx.execute(_UPSERT_OVERRIDE, asdict(override))


async def find_override_locked(
    tx: WriteConn, workspace_id: str, namespace_id: NamespaceId, identifier: str
) -> OverrideRow | None:
    """Return the live override of this identifier, locked."""
    params = {"workspace_id": workspace_id, "namespace_id": namespace_id, "identifier": identifier}
    return await tx.fetch_one(_FIND_OVERRIDE_LOCKED, params)


async def lock_namespace(tx: WriteConn, workspace_id: str, namespace_id: NamespaceId) -> None:
    """Keep others that do the same waiting until the transaction ends."""
    await tx.fetch_one(_LOCK_NAMESPACE, {"workspace_id": workspace_id, "namespace_id": namespace_id})


async def count_other_patterns(tx: WriteConn, workspace_id: str, namespace_id: NamespaceId, identifier: str) -> int:
    """Return how many live overrides with a wildcard there are beside the one of this identifier."""
    params = {"workspace_id": workspace_id, "namespace_id": namespace_id, "identifier": identifier}
    row = await tx.fetch_one(_COUNT_PATTERNS, params)
    return 0 if row is None else row.patterns


async def list_overrides(
    conn: ReadConn, workspace_id: str, namespace_id: NamespaceId, *, cursor: str, limit: int
) -> list[Override]:
    """Return at most `limit` live overrides by ascending id, the first not below `cursor`."""
    params = {"workspace_id": workspace_id, "namespace_id": namespace_id, "cursor": cursor, "limit": limit}
    rows = await conn.fetch_all(_LIST_OVERRIDES, params)
    return [_override(row.id, row.identifier, row.limit, row.duration) for row in rows]


async def mark_override_deleted(tx: WriteConn, workspace_id: str, override_id: OverrideId, *, now: UnixMs) -> None:
    """Mark an override as deleted."""
    await tx.execute(_MARK_OVERRIDE_DELETED, {"workspace_id": workspace_id, "id": override_id, "now": now})


def _namespace(rows: Sequence[_NamespaceWithOverrideRow]) -> Namespace:
    overrides = [
        _override(row.override_id, row.identifier, row.limit, row.duration)
        for row in rows
        if row.override_id is not None
        and row.identifier is not None
        and row.limit is not None
        and row.duration is not None
    ]
    first = rows[0]
    return make_namespace(first.id, first.name, deleted=first.deleted_at_m is not None, overrides=overrides)


def _override(override_id: OverrideId, identifier: str, limit: int, duration: int) -> Override:
    return Override(override_id, identifier, min(limit, _MAX_INT64), min(duration, _MAX_INT64))
