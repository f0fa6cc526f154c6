"""Reading the log of changes as it grows, and acting on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import structlog

from unkey_api.core.changes import LoggedChange
from unkey_api.core.clock import Clock
from unkey_api.core.errors import AppError
from unkey_api.infra.changes.log import list_changes, list_heads
from unkey_api.infra.mysql import ReadConn, ReplicaRule

PAGE = 1_000  # changes per statement
BEHIND_MAX = 10_000  # more missing changes of a lane than that, and dropping everything is cheaper than reading them
OWN_MAX = 100_000  # own changes that were not read yet; beyond it they are acted on twice, which does no harm
RETRY_MOST_SECONDS = 5.0
REPLICA_EVERY_SECONDS = 1.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ResetReason(StrEnum):
    """Why everything cached was dropped."""

    GAP = "gap"
    """A change that must be there is not: it was trimmed, or rows were lost."""
    REGRESSION = "regression"
    """A lane went back: the database was restored, or failed over to a copy that lacked commits."""
    BEHIND = "behind"
    """Too many changes were missed."""


class ChangeObserver(Protocol):
    """Told how following goes, for metrics."""

    def on_looked(self, behind: int) -> None:
        """Note how many changes were written that this process had not read when it looked."""
        ...

    def on_applied(self, changes: Sequence[LoggedChange]) -> None:
        """Count changes of others that were acted on."""
        ...

    def on_reset(self, reason: str) -> None:
        """Count a time everything was dropped."""
        ...

    def on_failure(self) -> None:
        """Count a look at the log that failed."""
        ...


class Outdated(Protocol):
    """What changes outdate."""

    def apply(self, changes: Sequence[LoggedChange], /) -> None:
        """Forget what these changes outdate, without letting anybody run between. Must not raise."""
        ...

    def drop_all(self) -> None:
        """Forget everything."""
        ...


class _MustReset(Exception):
    """What was missed cannot be found out."""

    def __init__(self, reason: ResetReason, lane: int) -> None:
        super().__init__(f"lane {lane}: {reason}")
        self.reason = reason
        self.lane = lane


class ChangeFollower:
    """Keeps this process in step with the log.

    `run` looks at the heads of the lanes every so often, and at once after `nudge`. What is new is read in order and
    acted on in one step of the event loop. When that is impossible everything cached is dropped instead, and the log
    followed on from its end.
    """

    def __init__(
        self,
        primary: ReadConn,
        replica: ReadConn | None,
        rule: ReplicaRule,
        caches: Outdated,
        *,
        clock: Clock,
        observer: ChangeObserver,
        every_seconds: float,
    ) -> None:
        """Prepare; `begin` and then `run` do the work.

        Args:
            primary: Where the log is read.
            replica: Asked how far it is while the rule waits for that; None when there is none.
            rule: Told what changed, so that no older rows are read again.
            caches: What is outdated by changes.
            clock: Times what is known.
            observer: For metrics.
            every_seconds: Between two looks.
        """
        self._primary = primary
        self._replica = replica
        self._rule = rule
        self._caches = caches
        self._clock = clock
        self.observer = observer
        self._every = every_seconds
        self._applied: dict[int, int] = {}
        self._own: set[tuple[int, int]] = set()
        self._current_at = clock.monotonic()
        self._replica_asked_at = -REPLICA_EVERY_SECONDS
        self._wake = asyncio.Event()
        self._closed = False
        self._failing = False

    @property
    def applied(self) -> Mapping[int, int]:
        """The newest revision acted on, by lane."""
        return self._applied

    @property
    def as_of_age_seconds(self) -> float:
        """How old the newest moment is as of which everything cached is at least."""
        return self._clock.monotonic() - self._current_at

    async def begin(self) -> None:
        """Take the log's end for the start, while nothing is cached. Raises StoreUnavailable."""
        started = self._clock.monotonic()
        self._applied = await list_heads(self._primary)
        self._rule.distrust(self._applied)
        self._current_at = started

    def committed(self, logged: Sequence[LoggedChange]) -> None:
        """Note what this process changed and has acted on, so that it is not acted on again when it is read."""
        if len(self._own) > OWN_MAX:
            self._own.clear()
        self._own.update((each.lane, each.revision) for each in logged if each.revision)

    def nudge(self, lane: int, revision: int) -> None:
        """Look at once, if this revision is news."""
        if revision > self._applied.get(lane, 0):
            self._wake.set()

    def close(self) -> None:
        """Have `run` end."""
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Follow until closed. A failing database is asked less and less often."""
        pause = self._every
        while not self._closed:
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass  # time for a look
            self._wake.clear()
            try:
                await self.follow()
            except AppError as err:
                pause = min(pause * 2, RETRY_MOST_SECONDS)
                self._note_failure(err)
            else:
                pause = self._every
                self._note_success()

    async def follow(self) -> None:
        """Look once, and act on what is new. Raises StoreUnavailable."""
        started = self._clock.monotonic()
        heads = await list_heads(self._primary)
        self.observer.on_looked(sum(max(0, head - self._applied.get(lane, 0)) for lane, head in heads.items()))
        try:
            for lane, head in heads.items():
                await self._catch_up(lane, head)
        except _MustReset as missed:
            await self._reset(missed)
        self._current_at = started
        await self._ask_replica()

    async def _catch_up(self, lane: int, head: int) -> None:
        applied = self._applied.get(lane, 0)
        if head < applied:
            raise _MustReset(ResetReason.REGRESSION, lane)
        if head - applied > BEHIND_MAX:
            raise _MustReset(ResetReason.BEHIND, lane)
        while applied < head:
            changes = await list_changes(self._primary, lane, after=applied, count=PAGE)
            expected = range(applied + 1, applied + 1 + len(changes))
            if not changes or any(each.revision != want for each, want in zip(changes, expected, strict=True)):
                raise _MustReset(ResetReason.GAP, lane)
            self._act_on(lane, changes)
            applied = changes[-1].revision

    def _act_on(self, lane: int, changes: Sequence[LoggedChange]) -> None:
        """Drop what changed, then count it as applied, without letting anybody run between."""
        own = self._own.intersection((lane, each.revision) for each in changes)
        others = [each for each in changes if (lane, each.revision) not in own]
        for each in others:
            self._rule.note(each)
        self._caches.apply(others)
        self._own -= own
        self._applied[lane] = changes[-1].revision
        self.observer.on_applied(others)

    async def _reset(self, missed: _MustReset) -> None:
        """Go on from the log's end, read first: what commits meanwhile is dropped with the rest, or comes next."""
        heads = await list_heads(self._primary)
        self._rule.distrust(heads)
        self._caches.drop_all()
        self._own.clear()
        self._applied = heads
        self.observer.on_reset(missed.reason)
        _log.warning("everything cached was dropped", lane=missed.lane, reason=str(missed.reason))

    async def _ask_replica(self) -> None:
        """Ask the replica how far it is, while somebody waits for that. It may be away: then the primary goes on."""
        now = self._clock.monotonic()
        if self._replica is None or not self._rule.waits or now - self._replica_asked_at < REPLICA_EVERY_SECONDS:
            return
        self._replica_asked_at = now
        try:
            self._rule.replica_shows(await list_heads(self._replica))
        except AppError as err:
            _log.debug("the replica does not say how far it is", error=err.internal)

    def _note_failure(self, err: AppError) -> None:
        self.observer.on_failure()
        if not self._failing:
            _log.warning("the log of changes cannot be read", error=err.internal)
        self._failing = True

    def _note_success(self) -> None:
        if self._failing:
            _log.info("the log of changes is read again")
        self._failing = False
