"""Namespaces, overrides, what callers ask of them, and what can go wrong. That a limit is used up is not an error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from unkey_api.areas.ratelimit.engine.types import Decision
from unkey_api.areas.ratelimit.requirements import limit_tuple
from unkey_api.core.errors import AppError, ErrorCode, InvalidInput, Unexpected
from unkey_api.core.ids import NamespaceId, OverrideId


@dataclass(frozen=True, slots=True)
class AttachedLimit:
    """A rate limit as a caller wants it."""

    name: str
    limit: int
    """Units per window, at least 1."""
    duration_ms: int
    """At least 1,000."""
    auto_apply: bool
    """Whether every verification counts against it, unasked."""


def last_of_each_name(limits: Iterable[AttachedLimit]) -> tuple[AttachedLimit, ...]:
    """Return the limits with each name once. Of several with one name the last counts, at the place of the first.

    The one rule for everything that takes such a list, but `identities.updateIdentity`, which refuses a name given
    twice.
    """
    return tuple({limit.name: limit for limit in limits}.values())


def first_repeated_name(limits: Iterable[AttachedLimit]) -> str | None:
    """Return the first name that was there before, or None."""
    seen: set[str] = set()
    for limit in limits:
        if limit.name in seen:
            return limit.name
        seen.add(limit.name)
    return None


WILDCARD = "*"
PATTERNS_MAX = 1_000
"""Overrides with a wildcard that a namespace may have."""
PATTERNS_TRIED = 5_000
"""How many of those that exist already are tried for an identifier, in their order."""
_STOP = "\n"


class Pattern:
    """A pattern, taken apart once.

    Matching takes each piece at its leftmost place and never goes back, so the time does not explode however many
    wildcards a pattern has. That loses no match: a later place of a piece only makes the run in front of it longer.
    """

    __slots__ = ("_head", "_middle", "_shortest", "_tail")

    def __init__(self, text: str) -> None:
        """Take a pattern with at least one wildcard."""
        self._head, *self._middle, self._tail = text.split(WILDCARD)
        self._shortest = len(self._head) + len(self._tail)

    def matches(self, text: str) -> bool:
        """Say whether the whole of `text` fits. Letter case counts."""
        if len(text) < self._shortest or not text.startswith(self._head) or not text.endswith(self._tail):
            return False
        at, end = len(self._head), len(text) - len(self._tail)
        for piece in self._middle:
            found = text.find(piece, at, end)
            if found < 0 or text.find(_STOP, at, found) >= 0:
                return False
            at = found + len(piece)
        return text.find(_STOP, at, end) < 0


PATTERNS_CHEAP = 8  # up to here trying them costs no more than remembering
REMEMBERED = 500  # identifiers of a namespace; all are forgotten when there is no room for another one

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Override:
    """A limit that replaces what callers pass for some identifiers."""

    id: OverrideId
    identifier: str
    """The identifier, or a pattern with `*`."""
    limit: int
    """Units per window; 0 denies everything."""
    duration_ms: int


class OverrideIndex:
    """The overrides of one namespace, ready for look-ups."""

    __slots__ = ("_direct", "_patterns", "_remembered")

    def __init__(self, overrides: Iterable[Override] = ()) -> None:
        """Take the overrides in the order in which patterns are to be tried."""
        self._direct = {override.identifier: override for override in overrides}
        wild = [override for override in self._direct.values() if WILDCARD in override.identifier]
        self._patterns = [(Pattern(override.identifier), override) for override in wild[:PATTERNS_TRIED]]
        self._remembered: dict[str, Override | None] = {}
        if len(wild) > PATTERNS_MAX:
            _log.warning("a namespace has more overrides with a wildcard than it may have", count=len(wild))

    def match(self, identifier: str) -> Override | None:
        """Return the override that applies: the one of exactly this identifier, else the first pattern that fits."""
        found = self._direct.get(identifier)
        if found is not None or not self._patterns:
            return found
        if len(self._patterns) <= PATTERNS_CHEAP:
            return self._try_all(identifier)
        if identifier not in self._remembered:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[identifier] = self._try_all(identifier)
        return self._remembered[identifier]

    def _try_all(self, identifier: str) -> Override | None:
        return next((override for pattern, override in self._patterns if pattern.matches(identifier)), None)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A rate-limit namespace as requests need it."""

    id: NamespaceId
    name: str
    deleted: bool
    overrides: OverrideIndex
    limit_grant: str
    """The permission that allows counting in this namespace; kept because every request compares it."""


def make_namespace(
    namespace_id: NamespaceId, name: str, *, deleted: bool = False, overrides: Iterable[Override] = ()
) -> Namespace:
    """Return a namespace with its derived parts."""
    return Namespace(namespace_id, name, deleted, OverrideIndex(overrides), limit_tuple(namespace_id))


class LimitCommand(NamedTuple):
    """One request to count. A named tuple, because one is made per request."""

    namespace: str
    """Name or id."""
    identifier: str
    limit: int
    """At least 1."""
    duration_ms: int
    cost: int
    """0 looks without consuming."""
    time_ms: int
    """Unix time to decide at; 0 for now. Only tests set it."""


class LimitOutcome(NamedTuple):
    """What became of one request."""

    decision: Decision
    override_id: str
    """Empty when no override applied."""


class MultiLimitOutcome(NamedTuple):
    """What became of several requests."""

    passed: bool
    """Whether all of them fit; otherwise nothing was consumed."""
    outcomes: tuple[LimitOutcome, ...]
    """In the order of the requests."""


class NamespaceNotFound(AppError):
    """The workspace has no such namespace."""

    code = ErrorCode.DATA_RATELIMIT_NAMESPACE_NOT_FOUND
    sentence = "This namespace does not exist."


class NamespaceGone(AppError):
    """The namespace was deleted; its name stays taken."""

    code = ErrorCode.DATA_RATELIMIT_NAMESPACE_GONE
    sentence = "This namespace has been deleted. Contact support to restore."


class NamespaceVanished(Unexpected):
    """Somebody else created the namespace at the same time, and yet it cannot be read."""

    def __init__(self, name: str) -> None:
        super().__init__("Failed to fetch namespace after race condition.", internal=f"namespace {name!r} vanished")


class TooManyPatterns(InvalidInput):
    """Each check of an identifier may have to try every pattern of its namespace."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"`identifier` is one pattern too many: a namespace has at most {most:,} overrides with a wildcard. "
            "Delete one first, or cover more identifiers with one pattern."
        )


class OverrideNotFound(AppError):
    """The namespace has no such override, or the caller may not know of it: always one sentence."""

    code = ErrorCode.DATA_RATELIMIT_OVERRIDE_NOT_FOUND
    sentence = "This override does not exist."
