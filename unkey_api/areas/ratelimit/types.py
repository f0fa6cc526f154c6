"""Namespaces, overrides, and what callers ask of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from unkey_api.areas.ratelimit.engine.types import Decision
from unkey_api.areas.ratelimit.patterns import PATTERNS_MAX, PATTERNS_TRIED, WILDCARD, Pattern
from unkey_api.areas.ratelimit.requirements import limit_tuple
from unkey_api.core.ids import NamespaceId, OverrideId

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
