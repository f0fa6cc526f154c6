"""What a change drops, and how this process hears of changes: from its own commits, over the bus, from the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager

from unkey_api.areas.apis import live
from unkey_api.areas.keys.verification import directory
from unkey_api.areas.keys.verification.directory import KeyOwners
from unkey_api.areas.portal import sessions
from unkey_api.areas.ratelimit import namespaces
from unkey_api.auth import workspaces
from unkey_api.container.caches import Caches
from unkey_api.container.lifecycle import running
from unkey_api.container.runtime import Runtime
from unkey_api.core.changes import Change, ChangeKind, LoggedChange
from unkey_api.core.ids import KeyHash
from unkey_api.infra.changes.follower import ChangeFollower
from unkey_api.infra.changes.log import ChangeTrimming
from unkey_api.infra.invalidation.ports import IN_WORKSPACE, PLAIN, Invalidation, InvalidationBus, KeyText, NamedCaches
from unkey_api.infra.mysql import Database
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.settings.sections import Settings

GRACE_SECONDS = 0.0  # reading the log has nothing to lose, and what is removed from it is so by the database's own task


def drops_of(change: Change) -> Iterator[Invalidation]:
    """Yield what no longer holds once something has changed. docs/invalidation.md shows it as a table."""
    workspace_id, kind, subject, keyspace_id = change
    match kind:
        case ChangeKind.KEY | ChangeKind.ROOT_KEY:
            yield Invalidation(directory.CACHE_NAME, subject)
        case ChangeKind.IDENTITY:
            yield Invalidation(directory.NAME, f"identity:{subject}")
        case ChangeKind.ROLE:
            yield Invalidation(directory.NAME, f"role:{workspace_id}:{subject}")
        case ChangeKind.PERMISSION:
            yield Invalidation(directory.NAME, f"permission:{workspace_id}:{subject}")
        case ChangeKind.API:
            yield Invalidation(live.CACHE, f"{workspace_id}:{subject}")
            if keyspace_id:
                yield Invalidation(directory.NAME, f"keyspace:{keyspace_id}")
        case ChangeKind.NAMESPACE:
            yield Invalidation(namespaces.CACHE, f"{workspace_id}:{subject}")
        case ChangeKind.WORKSPACE:
            yield Invalidation(directory.NAME, f"workspace:{workspace_id}")
            yield Invalidation(workspaces.LIMITS_CACHE, workspace_id)
            # These are found by other things than their workspace, and workspaces change rarely.
            yield Invalidation(workspaces.CACHE, None)
            yield Invalidation(sessions.CACHE, None)
        case ChangeKind.PROBE:
            return


def named_caches(caches: Caches, key_owners: KeyOwners) -> NamedCaches:
    """Return every cache whose entries a change can outdate."""
    named = NamedCaches()
    named.add(caches.keys, KeyText(str, KeyHash))
    named.add(key_owners, PLAIN)
    named.add(caches.apis, IN_WORKSPACE)
    named.add(caches.namespaces, IN_WORKSPACE)
    named.add(caches.limits, PLAIN)
    named.add(caches.workspaces, PLAIN)
    named.add(caches.portal_sessions, PLAIN)
    return named


class ChangedCaches:
    """The caches of a process as changes see them."""

    def __init__(self, named: NamedCaches) -> None:
        """Take the caches; what a change outdates in others is nobody's business here."""
        self._named = named
        self.drop = named.drop
        """Forget one entry, as named on the bus."""

    def drop_all(self) -> None:
        """Forget everything."""
        self._named.drop_all()

    def apply(self, changes: Iterable[LoggedChange], /) -> None:
        """Forget what these changes outdate, in one step of the event loop."""
        for entry in _entries(changes):
            self._named.drop(entry)


class ChangeReports:
    """Acts on what this process committed, and tells the others."""

    def __init__(self, changed: ChangedCaches, bus: InvalidationBus) -> None:
        """Take the caches and the way to other processes."""
        self._changed = changed
        self._bus = bus

    def __call__(self, logged: Sequence[LoggedChange]) -> None:
        """Forget what was outdated here, then have the others forget it and look at the log."""
        self._changed.apply(logged)
        for entry in _entries(logged):
            self._bus.publish(entry.cache, entry.key)
        for each in logged:
            if each.revision:
                self._bus.publish_head(each.lane, each.revision)


def _entries(changes: Iterable[LoggedChange]) -> Iterable[Invalidation]:
    """Return what the changes outdate, each entry once."""
    return dict.fromkeys(entry for each in changes for entry in drops_of(each.change))


@asynccontextmanager
async def following(
    settings: Settings,
    runtime: Runtime,
    database: Database,
    metrics: Metrics,
    bus: InvalidationBus,
    changed: ChangedCaches,
    *,
    failed: asyncio.Event,
) -> AsyncIterator[ChangeFollower]:
    """Have the caches follow what changes here and elsewhere, from their first entry on.

    Raises:
        StoreUnavailable: The log cannot be read.
    """
    follower = ChangeFollower(
        database.following,
        database.replica if database.has_replica else None,
        database.replica_rule,
        changed,
        clock=runtime.clock,
        observer=metrics.changes,
        every_seconds=settings.revocation.follow_every.total_seconds(),
    )
    rule = database.replica_rule
    metrics.changes.watch(
        age=lambda: follower.as_of_age_seconds, marked=lambda: rule.marked, rereads=lambda: rule.rereads
    )
    await follower.begin()
    ends = [database.listen(ChangeReports(changed, bus)), database.listen(follower.committed)]
    bus.subscribe(changed.drop)
    bus.subscribe_heads(follower.nudge)
    trimming = ChangeTrimming(database.primary, runtime.clock, share=runtime.worker)
    try:
        async with (
            running("changes", follower.run(), close=follower.close, failed=failed, grace_seconds=GRACE_SECONDS),
            running("changes.trim", trimming.run(), close=trimming.close, failed=failed, grace_seconds=GRACE_SECONDS),
        ):
            yield follower
    finally:
        for end in ends:
            end()
