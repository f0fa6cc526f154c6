"""Finding a presented key under the hash of another system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unkey_api.areas.keys.schemes.bounded import SlowHashes
from unkey_api.areas.keys.schemes.registry import stored_texts
from unkey_api.areas.keys.schemes.salted import lookups_of, read_salted
from unkey_api.core.ids import KeyHash
from unkey_api.core.secret import Secret
from unkey_api.infra.mysql import ReadConn, ReadsOf, load_query

CANDIDATES_MAX = 8
"""Salted hashes tried for one presented key. Import refuses more keys that begin alike."""
PATTERN_NAMES = "abcdef"


@dataclass(frozen=True, slots=True)
class _HashRow:
    hash: KeyHash


_FIND = load_query(__package__, "pending_key_find_by_hashes", row=_HashRow)
_LIST = load_query(__package__, "pending_key_list_by_lookups", row=_HashRow)


class ForeignHashes:
    """Looks keys up by what other systems stored of them."""

    def __init__(self, reads_of: ReadsOf, slow: SlowHashes, peppers: Iterable[Secret]) -> None:
        self._reads_of = reads_of
        self._slow = slow
        self._peppers = tuple(peppers)

    async def find(self, workspace_id: str, migration_id: str, key: str) -> KeyHash | None:
        """Return the stored hash of the key among those that wait for the migration, or None.

        Salted hashes are looked at last, because each costs milliseconds of a core.

        Raises:
            HashingBusy: The key may have a salted hash, and too many of those are being verified.
            HashingNotInstalled: The same, and the package for it is missing.
            StoreUnavailable: The store failed.
        """
        where = {"migration_id": migration_id, "workspace_id": workspace_id}
        conn = self._reads_of(workspace_id)
        row = await conn.fetch_one(_FIND, {"hashes": stored_texts(key, self._peppers), **where})
        if row is not None:
            return row.hash
        for stored in await list_alike(conn, workspace_id, migration_id, lookups_of(key)):
            salted = read_salted(stored)
            if salted is not None and await self._slow.matches(workspace_id, salted.phc, key):
                return stored
        return None


async def list_alike(conn: ReadConn, workspace_id: str, migration_id: str, lookups: Iterable[str]) -> list[KeyHash]:
    """Return up to eight salted hashes of pending keys that begin like one of up to six lookups. None, no statement."""
    patterns = dict.fromkeys(PATTERN_NAMES, "")
    for name, lookup in zip(PATTERN_NAMES, lookups, strict=False):
        patterns[name] = f"phc:{_escaped(lookup)}:%"
    if not any(patterns.values()):
        return []
    where = {"migration_id": migration_id, "workspace_id": workspace_id, "count": CANDIDATES_MAX}
    return [row.hash for row in await conn.fetch_all(_LIST, {**patterns, **where})]


def _escaped(text: str) -> str:
    for mark in "|%_":
        text = text.replace(mark, f"|{mark}")
    return text
