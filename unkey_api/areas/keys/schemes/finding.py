"""Finding a presented key under the hash of another system."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from unkey_api.areas.keys.schemes.bounded import SlowHashes
from unkey_api.areas.keys.schemes.salted import lookups_of, read_salted
from unkey_api.core.ids import KeyHash
from unkey_api.core.secret import Secret
from unkey_api.infra.mysql import ReadConn, ReadsOf, load_query


class DigestScheme(NamedTuple):
    """A way to turn a key into the text that is stored."""

    name: str
    texts: Callable[[bytes], Iterable[str]]
    """Every spelling of the digest that systems store."""


class KeyedScheme(NamedTuple):
    """The same with a secret of the service, a pepper."""

    name: str
    """Stored in front of the digest, with a colon."""
    digest: Callable[[bytes, bytes], str]
    """Takes pepper and key, returns lower-case hexadecimal digits."""


def _spellings(digest: bytes) -> tuple[str, ...]:
    """Return the digest as hexadecimal digits, Base64 and URL-safe Base64, the latter two also without padding."""
    plain = base64.b64encode(digest).decode("ascii")
    safe = base64.urlsafe_b64encode(digest).decode("ascii")
    return tuple(dict.fromkeys((digest.hex(), plain, plain.rstrip("="), safe, safe.rstrip("="))))


DIGESTS = (
    DigestScheme("sha256", lambda key: _spellings(hashlib.sha256(key).digest())),
    DigestScheme("sha512", lambda key: _spellings(hashlib.sha512(key).digest())),
)
KEYED = (
    KeyedScheme("hmac-sha256", lambda pepper, key: hmac.new(pepper, key, hashlib.sha256).hexdigest()),
    KeyedScheme("hmac-sha512", lambda pepper, key: hmac.new(pepper, key, hashlib.sha512).hexdigest()),
)


def stored_texts(key: str, peppers: Iterable[Secret]) -> list[str]:
    """Return every text under which a key may be stored by a scheme that needs no salt."""
    raw = key.encode()
    found = [text for scheme in DIGESTS for text in scheme.texts(raw)]
    found += [f"{scheme.name}:{scheme.digest(pepper.reveal().encode(), raw)}" for scheme in KEYED for pepper in peppers]
    return found


SHOWN = 4
SHOWN_SHARE = 3  # a start may show a third of the key: what stands before a separator need not be a prefix


def start_of(key: str) -> str:
    """Return how a key begins, for display: prefix and four characters, or four when a prefix would tell too much."""
    prefix, mark, rest = key.rpartition("_")
    start = prefix + mark + rest[:SHOWN]
    return start if len(start) * SHOWN_SHARE <= len(key) else key[:SHOWN]


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
