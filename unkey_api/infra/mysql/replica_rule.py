"""Which reads a replica may serve, as it may lag behind changes this process knows of."""

from __future__ import annotations

from typing import NamedTuple

from unkey_api.core.changes import LANES, ChangeKind, LoggedChange
from unkey_api.core.clock import Clock

MARKS_MAX = 10_000
"""Workspaces, and subjects, that are remembered. Beyond it the primary serves everything for a while."""
ANY_WORKSPACE = "workspace:*"
"""Subject of a look-up that can find any workspace."""


class _Mark(NamedTuple):
    """Until when a replica is not believed, and what it has to show before."""

    until: float
    lane: int
    revision: int


class ReplicaRule:
    """Remembers which workspaces changed lately.

    A replica is believed again once it has shown the revision of the change and some time has passed: its address may
    hide several servers, of which the slowest answers next. Right after the start, and whenever nobody knows what was
    missed, it is not believed at all.
    """

    def __init__(self, clock: Clock, *, lag_max_seconds: float, enabled: bool, marks_max: int = MARKS_MAX) -> None:
        """Start not believing the replica.

        Args:
            clock: Times marks.
            lag_max_seconds: How long a mark holds at least.
            enabled: Whether there is a replica; without one nothing is remembered and every read may be served.
            marks_max: Most workspaces and most subjects remembered.
        """
        self._clock = clock
        self._lag_max = lag_max_seconds
        self._enabled = enabled
        self._marks_max = marks_max
        self._workspaces: dict[str, _Mark] = {}
        self._subjects: dict[str, _Mark] = {}
        self._shown = [0] * LANES
        self._everything: list[_Mark] = []
        self.rereads = 0
        """Rows that were thrown away because a replica might have had an older state of them."""
        self.distrust()

    @property
    def marked(self) -> int:
        """Workspaces whose rows the primary serves, as many as are remembered while it serves all; read by metrics."""
        return self._marks_max if self._everything else len(self._workspaces)

    def note(self, logged: LoggedChange) -> None:
        """Have the primary serve what belongs to the change's workspace, and look-ups of its subject."""
        if not self._enabled:
            return
        change = logged.change
        mark = _Mark(self._clock.monotonic() + self._lag_max, logged.lane, logged.revision)
        subject = ANY_WORKSPACE if change.kind is ChangeKind.WORKSPACE else change.subject
        for marks, name in ((self._workspaces, change.workspace_id), (self._subjects, subject)):
            marks.pop(name, None)
            if len(marks) >= self._marks_max:
                self._distrust_marked(marks)
            marks[name] = mark

    def distrust(self, heads: dict[int, int] | None = None) -> None:
        """Have the primary serve everything for a while, and until the replica shows these revisions by lane."""
        if not self._enabled:
            return
        until = self._clock.monotonic() + self._lag_max
        self._everything = [_Mark(until, lane, revision) for lane, revision in (heads or {0: 0}).items()]

    def may_serve(self, *workspace_ids: str) -> bool:
        """Say whether what a replica has of these workspaces is at least as new as what this process knows."""
        if not self._enabled:
            return True
        return self._believed() and all(self._cleared(self._workspaces, each) for each in workspace_ids)

    def may_miss(self, subject: str) -> bool:
        """Say whether a replica that does not know the subject may be believed."""
        return not self._enabled or (self._believed() and self._cleared(self._subjects, subject))

    @property
    def waits(self) -> bool:
        """Whether it would help to know how far the replica is."""
        return self._enabled and bool(self._everything or self._workspaces or self._subjects)

    def replica_shows(self, heads: dict[int, int]) -> None:
        """Take note of how far the replica is, by lane, and forget the marks this ends."""
        for lane, revision in heads.items():
            self._shown[lane] = revision
        for marks in (self._workspaces, self._subjects):
            for name in [name for name, mark in marks.items() if self._over(mark)]:
                del marks[name]
        self._believed()

    def _believed(self) -> bool:
        if self._everything and all(map(self._over, self._everything)):
            self._everything = []
        return not self._everything

    def _cleared(self, marks: dict[str, _Mark], name: str) -> bool:
        mark = marks.get(name)
        return mark is None or self._over(mark)

    def _over(self, mark: _Mark) -> bool:
        return self._clock.monotonic() >= mark.until and self._shown[mark.lane] >= mark.revision

    def _distrust_marked(self, marks: dict[str, _Mark]) -> None:
        """Turn too many marks into one that covers everything."""
        heads: dict[int, int] = {mark.lane: mark.revision for mark in self._everything}
        for mark in marks.values():
            heads[mark.lane] = max(mark.revision, heads.get(mark.lane, 0))
        marks.clear()
        self.distrust(heads)
