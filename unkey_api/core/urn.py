"""Permission URNs: `unkey:v1:<workspace>:<path>#<action>`, how a granted one is read and what it covers.

Wildcards count on the granted side only: `*` stands for exactly one path segment, `**` (last segment only) for the
path in front of it and everything below. A grant that breaks the grammar grants nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SCHEME = "unkey:v1:"
ANY_SEGMENT = "*"
ANY_BELOW = "**"
ANY_ACTION = "*"


def urn_text(workspace_id: str, path: str, action: str) -> str:
    """Return the permission string that names `action` on `path` of a workspace. Nothing is checked."""
    return f"{SCHEME}{workspace_id}:{path}#{action}"


@dataclass(frozen=True, slots=True)
class UrnGrant:
    """A well-formed URN permission, taken apart."""

    workspace_id: str
    segments: tuple[str, ...]
    """Path segments; may hold `*` anywhere and `**` in the last place."""
    action: str
    """Action name, or `*` when the path is exactly `**`."""

    def covers_path(self, required: tuple[str, ...]) -> bool:
        """Say whether the granted path covers the required segments, whose own wildcards are plain text."""
        granted = self.segments
        if granted[-1] == ANY_BELOW:
            base = granted[:-1]
            return len(required) >= len(base) and _segments_match(base, required)
        return len(required) == len(granted) and _segments_match(granted, required)

    def places_in(self, pattern: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return what stands where the pattern has `*`, itself `*` where any will do; None if no such path is covered.

        A path of the pattern is covered exactly when its segments in these places are those returned.
        """
        granted = self.segments
        if granted[-1] == ANY_BELOW:
            granted = (*granted[:-1], *(ANY_SEGMENT for _ in range(len(pattern) - len(granted) + 1)))
        if len(granted) != len(pattern):
            return None
        if any(
            wanted not in (ANY_SEGMENT, mine) and mine != ANY_SEGMENT
            for mine, wanted in zip(granted, pattern, strict=True)
        ):
            return None
        return tuple(mine for mine, wanted in zip(granted, pattern, strict=True) if wanted == ANY_SEGMENT)


def _segments_match(granted: tuple[str, ...], required: tuple[str, ...]) -> bool:
    for mine, wanted in zip(granted, required, strict=False):
        if mine == wanted:
            continue
        # A requirement that spans a whole subtree is more than one segment, so one granted `*` is not enough for it.
        if mine != ANY_SEGMENT or wanted == ANY_BELOW:
            return False
    return True


def parse_urn_grant(text: str) -> UrnGrant | None:
    """Read one granted permission. Returns None for anything that is not a well-formed URN, tuples included."""
    if not text.startswith(SCHEME):
        return None
    resource, mark, action = text.partition("#")
    fields = resource.split(":")
    if not mark or len(fields) != 4:
        return None
    workspace_id, path = fields[2], fields[3]
    segments = tuple(path.split("/"))
    if not workspace_id or "/" in workspace_id or not _is_path(segments) or not _is_action(action, path):
        return None
    return UrnGrant(workspace_id, segments, action)


def _is_path(segments: tuple[str, ...]) -> bool:
    last = len(segments) - 1
    for index, segment in enumerate(segments):
        if not segment:
            return False
        if "*" in segment and segment != ANY_SEGMENT and not (segment == ANY_BELOW and index == last):
            return False
    return True


def _is_action(action: str, path: str) -> bool:
    if action == ANY_ACTION:
        return path == ANY_BELOW
    if not action or action[0] == "_" or action[-1] == "_":
        return False
    return not any(mark in action for mark in ":#/*")


class UrnGrants:
    """The URN part of a principal's permissions, indexed by workspace and action. Never changes."""

    __slots__ = ("_admin_of", "_by_action")

    def __init__(self, permissions: Iterable[str]) -> None:
        self._admin_of: set[str] = set()
        self._by_action: dict[tuple[str, str], list[UrnGrant]] = {}
        for grant in map(parse_urn_grant, permissions):
            if grant is None:
                continue
            if grant.action == ANY_ACTION:
                self._admin_of.add(grant.workspace_id)
            else:
                self._by_action.setdefault((grant.workspace_id, grant.action), []).append(grant)

    def __bool__(self) -> bool:
        """Say whether there is any URN among the permissions."""
        return bool(self._admin_of or self._by_action)

    def cover(self, workspace_id: str, path: str, action: str) -> bool:
        """Say whether any grant covers `action` on `path` in that workspace."""
        if workspace_id in self._admin_of:
            return True
        grants = self._by_action.get((workspace_id, action))
        if grants is None:
            return False
        required = tuple(path.split("/"))
        return any(grant.covers_path(required) for grant in grants)

    def places(self, workspace_id: str, pattern: str, action: str) -> frozenset[tuple[str, ...]]:
        """Return, for each grant of `action` on paths of the pattern, what it names where the pattern has `*`."""
        segments = tuple(pattern.split("/"))
        if workspace_id in self._admin_of:
            return frozenset({(ANY_SEGMENT,) * segments.count(ANY_SEGMENT)})
        grants = self._by_action.get((workspace_id, action), ())
        return frozenset(places for grant in grants if (places := grant.places_in(segments)) is not None)
