"""bcrypt and Argon2 hashes: their stored form, and how expensive one may be."""

from __future__ import annotations

import re
from typing import NamedTuple

BCRYPT_COST_MAX = 14  # about a second of a core
ARGON2_KIB_MAX = 262_144  # 256 MiB
ARGON2_PASSES_MAX = 10
ARGON2_LANES_MAX = 16
LOOKUP_LENGTHS = (4, 6, 8, 12, 16, 24)
"""How many characters of a key find its hash. Few lengths, because a presented key is looked up under each."""

_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}")
_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)\$v=\d+\$m=(?P<memory>\d{1,9}),t=(?P<passes>\d{1,9}),p=(?P<lanes>\d{1,9})"
    r"\$[A-Za-z0-9+/]{8,86}\$[A-Za-z0-9+/]{16,86}"
)
_STORED = re.compile(r"phc:(?P<lookup>[^\x00-\x1f]{4,24}):(?P<phc>\$[^:]+)")


class SaltedHash(NamedTuple):
    """A stored hash, taken apart."""

    lookup: str
    phc: str
    """The hash as its own system wrote it."""

    @property
    def text(self) -> str:
        """The form in which it is stored."""
        return f"phc:{self.lookup}:{self.phc}"


def affordable(phc: str) -> bool:
    """Say whether this is a bcrypt or Argon2 hash whose cost we are ready to pay."""
    found = _BCRYPT.fullmatch(phc)
    if found:
        return int(found["cost"]) <= BCRYPT_COST_MAX
    found = _ARGON2.fullmatch(phc)
    if found is None:
        return False
    memory, passes, lanes = int(found["memory"]), int(found["passes"]), int(found["lanes"])
    return memory <= ARGON2_KIB_MAX and passes <= ARGON2_PASSES_MAX and lanes <= ARGON2_LANES_MAX


def read_salted(text: str) -> SaltedHash | None:
    """Take a stored hash apart. None for one of another form, and for one that would cost too much."""
    found = _STORED.fullmatch(text)
    if found is None or len(found["lookup"]) not in LOOKUP_LENGTHS or not affordable(found["phc"]):
        return None
    return SaltedHash(found["lookup"], found["phc"])


def make_salted(phc: str, visible: str) -> SaltedHash | None:
    """Return the stored form of a hash of a key that begins with `visible`.

    None when the hash is of no known kind or too expensive, or fewer than four characters are known.
    """
    length = max((length for length in LOOKUP_LENGTHS if length <= len(visible)), default=0)
    return SaltedHash(visible[:length], phc) if length and affordable(phc) else None


def lookups_of(key: str) -> list[str]:
    """Return under what a key may be found, the longest first."""
    return [key[:length] for length in reversed(LOOKUP_LENGTHS) if length < len(key)]
