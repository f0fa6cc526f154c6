"""bcrypt and Argon2 hashes: their stored form, and how expensive one may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

BCRYPT_COST_MAX = 14  # about a second of a core; what is stored already is verified up to here
ARGON2_KIB_MAX = 262_144  # 256 MiB
ARGON2_PASSES_MAX = 10
ARGON2_LANES_MAX = 16
STANDARD_BCRYPT_COST = 10
ARGON2_KIB_PER_STANDARD = 65_536  # memory times passes that take as long: a core fills about a gigabyte in a second
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


@dataclass(frozen=True, slots=True, kw_only=True)
class HashCaps:
    """The most that one verification may cost."""

    bcrypt_cost: int = 12
    argon2_kib: int = 65_536
    argon2_passes: int = 4
    argon2_lanes: int = 4


HARD_CAPS = HashCaps(
    bcrypt_cost=BCRYPT_COST_MAX,
    argon2_kib=ARGON2_KIB_MAX,
    argon2_passes=ARGON2_PASSES_MAX,
    argon2_lanes=ARGON2_LANES_MAX,
)
"""No setting goes beyond these."""


def excess(phc: str, caps: HashCaps) -> str:
    """Return what makes a hash too expensive, as a sentence for whoever imports it; empty for one that is not.

    Nor does a text that is no bcrypt or Argon2 hash cost too much; `affordable` tells these apart.
    """
    found = _BCRYPT.fullmatch(phc)
    if found:
        return _over("a bcrypt cost", int(found["cost"]), caps.bcrypt_cost)
    found = _ARGON2.fullmatch(phc)
    if found is None:
        return ""
    return (
        _over("an Argon2 memory in KiB", int(found["memory"]), caps.argon2_kib)
        or _over("an Argon2 number of passes", int(found["passes"]), caps.argon2_passes)
        or _over("an Argon2 number of lanes", int(found["lanes"]), caps.argon2_lanes)
    )


def _over(what: str, given: int, most: int) -> str:
    return f"{what} of {given} is more than the {most} this service verifies" if given > most else ""


def affordable(phc: str) -> bool:
    """Say whether this is a bcrypt or Argon2 hash that can be verified here at all."""
    known = _BCRYPT.fullmatch(phc) or _ARGON2.fullmatch(phc)
    return known is not None and not excess(phc, HARD_CAPS)


def cost_of(phc: str) -> float:
    """Return about how much computing a verification takes, counted in verifications of bcrypt 10 (60 ms of a core)."""
    found = _BCRYPT.fullmatch(phc)
    if found:
        return float(2.0 ** (int(found["cost"]) - STANDARD_BCRYPT_COST))
    found = _ARGON2.fullmatch(phc)
    return int(found["memory"]) * int(found["passes"]) / ARGON2_KIB_PER_STANDARD if found else 1.0


def phc_of(text: str) -> str:
    """Return the hash inside of a stored text, or the text itself when it has another form."""
    found = _STORED.fullmatch(text)
    return text if found is None else found["phc"]


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
