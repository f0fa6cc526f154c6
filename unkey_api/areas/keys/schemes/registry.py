"""The schemes whose hash can be computed from the key alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import NamedTuple

from unkey_api.core.secret import Secret


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
