"""Following a log in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.clock import FixedClock
from tests.support.waiting import eventually
from unkey_api.core.changes import LANES, Change, ChangeKind, LoggedChange, lane_of
from unkey_api.infra.changes.follower import BEHIND_MAX, PAGE, ChangeFollower
from unkey_api.infra.mysql import Query, ReplicaRule, StoreUnavailable

LANE = 3


def in_lane() -> str:
    """Return a workspace of the lane."""
    return next(name for name in map(str, range(1_000)) if lane_of(name) == LANE)


@dataclass
class Log:
    """A primary, or a replica, that has nothing but the log."""

    heads: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(LANES), 0))
    rows: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Subject and kind by revision, all of one lane."""
    down: bool = False
    asked: Counter[str] = field(default_factory=Counter)

    def write(self, *names: str, kind: int = 1) -> None:
        for name in names:
            self.heads[LANE] += 1
            self.rows[self.heads[LANE]] = name, kind

    async def fetch_one(self, query: Query[Any], params: Any) -> Any:
        raise NotImplementedError

    async def fetch_all(self, query: Query[Any], params: Any) -> list[Any]:
        self.asked[query.name] += 1
        if self.down:
            raise StoreUnavailable("turned off by the test")
        if query.name == "change_lane_list":
            return [query.mapper.all(("lane", "revision"), [pair])[0] for pair in self.heads.items()]
        columns = ("revision", "workspace_id", "scope_id", "kind", "subject")
        found = sorted(revision for revision in self.rows if revision > params["after"] and params["lane"] == LANE)
        rows = [(each, "ws", "", self.rows[each][1], self.rows[each][0]) for each in found[: params["count"]]]
        return query.mapper.all(columns, rows)


@dataclass
class Caches:
    """What the follower tells, in order."""

    told: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def apply(self, changes: Sequence[LoggedChange], /) -> None:
        self.batches.append(len(changes))
        self.told += [f"{each.change.kind.name}:{each.change.subject}" for each in changes]

    def drop_all(self) -> None:
        self.told.append("everything")


@dataclass
class Reports:
    """Satisfies `ChangeObserver`."""

    behind: int = -1
    resets: list[str] = field(default_factory=list)
    failures: int = 0

    def on_looked(self, behind: int) -> None:
        self.behind = behind

    def on_applied(self, changes: Sequence[LoggedChange]) -> None:
        """Nothing is asked about it here."""

    def on_reset(self, reason: str) -> None:
        self.resets.append(reason)

    def on_failure(self) -> None:
        self.failures += 1


class World:
    def __init__(self, *, every_seconds: float = 0.001, replica: Log | None = None) -> None:
        self.clock, self.log, self.caches, self.reports = FixedClock(), Log(), Caches(), Reports()
        self.log.write("before")
        self.rule = ReplicaRule(self.clock, lag_max_seconds=30, enabled=replica is not None)
        self.follower = ChangeFollower(
            self.log,
            replica,
            self.rule,
            self.caches,
            clock=self.clock,
            observer=self.reports,
            every_seconds=every_seconds,
        )


async def begun(**settings: Any) -> World:
    world = World(**settings)
    await world.follower.begin()
    return world


class TestFollowing:
    async def test_what_was_there_at_the_start_is_not_acted_on(self) -> None:
        world = await begun()
        await world.follower.follow()
        assert (world.caches.told, world.follower.applied[LANE]) == ([], 1)

    async def test_changes_are_acted_on_once_in_their_order(self) -> None:
        world = await begun()
        world.log.write("a", "b")
        await world.follower.follow()
        world.log.write("c")
        await world.follower.follow()
        await world.follower.follow()
        assert world.caches.told == ["KEY:a", "KEY:b", "KEY:c"]
        assert world.follower.applied[LANE] == 4

    async def test_a_quiet_log_costs_one_statement(self) -> None:
        world = await begun()
        world.log.asked.clear()
        await world.follower.follow()
        assert world.log.asked == {"change_lane_list": 1}

    async def test_many_are_read_in_portions(self) -> None:
        world = await begun()
        world.log.write(*(f"n{number}" for number in range(PAGE + 5)))
        await world.follower.follow()
        assert world.caches.batches == [PAGE, 5]

    async def test_what_this_process_changed_itself_is_not_acted_on_again(self) -> None:
        world = await begun()
        world.log.write("mine", "theirs")
        world.follower.committed([LoggedChange(2, Change(in_lane(), ChangeKind.KEY, "mine"))])
        await world.follower.follow()
        assert world.caches.told == ["KEY:theirs"]

    async def test_a_commit_without_an_answer_does_not_hide_what_others_wrote(self) -> None:
        world = await begun()
        world.follower.committed([LoggedChange(0, Change(in_lane(), ChangeKind.KEY, "maybe"))])
        world.log.write("theirs")
        await world.follower.follow()
        assert world.caches.told == ["KEY:theirs"]

    async def test_a_kind_of_a_newer_version_is_a_change_of_the_whole_workspace(self) -> None:
        world = await begun()
        world.log.write("?", kind=200)
        await world.follower.follow()
        assert world.caches.told == ["WORKSPACE:ws"]

    async def test_knowledge_ages_from_the_start_of_the_look(self) -> None:
        world = await begun()
        world.clock.advance(5_000)
        assert world.follower.as_of_age_seconds == 5
        await world.follower.follow()
        assert world.follower.as_of_age_seconds == 0


class TestReset:
    async def test_a_missing_change_drops_everything(self) -> None:
        world = await begun()
        world.log.write("a", "b", "c")
        del world.log.rows[3]
        await world.follower.follow()
        assert (world.caches.told, world.reports.resets) == (["everything"], ["gap"])
        world.log.write("d")
        await world.follower.follow()
        assert world.caches.told == ["everything", "KEY:d"]

    async def test_a_log_that_was_trimmed_beyond_us_does_too(self) -> None:
        world = await begun()
        world.log.write("a", "b")
        world.log.rows = {3: ("b", 1)}
        await world.follower.follow()
        assert world.reports.resets == ["gap"]

    async def test_a_lane_that_went_back_does_too(self) -> None:
        world = await begun()
        world.log.heads[LANE] = 0
        await world.follower.follow()
        assert (world.caches.told, world.reports.resets) == (["everything"], ["regression"])
        assert world.follower.applied[LANE] == 0

    async def test_so_does_too_much_to_read(self) -> None:
        world = await begun()
        world.log.heads[LANE] += BEHIND_MAX + 1
        world.log.asked.clear()
        await world.follower.follow()
        assert world.reports.resets == ["behind"]
        assert world.log.asked["change_list_after"] == 0
        assert world.reports.behind == BEHIND_MAX + 1

    async def test_and_the_replica_is_not_believed_for_a_while(self) -> None:
        replica = Log()
        world = await begun(replica=replica)
        world.clock.advance(30_000)
        replica.heads = dict(world.log.heads)
        await world.follower.follow()
        assert world.rule.may_serve("ws")
        world.log.heads[LANE] += BEHIND_MAX + 1
        await world.follower.follow()
        world.clock.advance(29_000)
        replica.heads = dict(world.log.heads)
        await world.follower.follow()
        assert not world.rule.may_serve("ws")
        world.clock.advance(1_000)
        await world.follower.follow()
        assert world.rule.may_serve("ws")


class TestReplica:
    async def test_a_change_marks_its_workspace_until_the_replica_has_it(self) -> None:
        replica = Log()
        world = await begun(replica=replica)
        world.clock.advance(30_000)
        replica.heads = dict(world.log.heads)
        await world.follower.follow()
        world.log.write("a")
        await world.follower.follow()
        assert not world.rule.may_serve("ws")

    async def test_a_replica_that_is_away_leaves_everything_to_the_primary(self) -> None:
        world = await begun(replica=Log(down=True))
        world.clock.advance(60_000)
        await world.follower.follow()
        assert (world.rule.may_serve("ws"), world.reports.failures) == (False, 0)

    async def test_nobody_asks_it_while_nothing_waits(self) -> None:
        replica = Log()
        world = await begun(replica=replica)
        world.clock.advance(30_000)
        replica.heads = dict(world.log.heads)
        await world.follower.follow()
        replica.asked.clear()
        world.clock.advance(10_000)
        await world.follower.follow()
        assert replica.asked == {}


class TestRunning:
    @pytest.fixture
    async def world(self) -> Any:
        world = await begun()
        running = asyncio.create_task(world.follower.run())
        yield world
        world.follower.close()
        await running

    async def test_it_looks_by_itself(self, world: World) -> None:
        world.log.write("a")
        await eventually(lambda: world.caches.told == ["KEY:a"])

    async def test_it_survives_a_database_that_is_away(self, world: World) -> None:
        world.log.down = True
        await eventually(lambda: world.reports.failures >= 2)
        world.log.write("a")
        world.log.down = False
        world.follower.nudge(LANE, 2)
        await eventually(lambda: world.caches.told == ["KEY:a"])

    async def test_a_nudge_is_enough(self) -> None:
        world = await begun(every_seconds=3_600)
        running = asyncio.create_task(world.follower.run())
        world.log.write("a")
        world.follower.nudge(LANE, 1)
        await asyncio.sleep(0)
        world.follower.nudge(LANE, 2)
        await eventually(lambda: world.caches.told == ["KEY:a"])
        world.follower.close()
        await running

    async def test_old_news_wake_nobody(self) -> None:
        world = await begun(every_seconds=3_600)
        world.log.asked.clear()
        running = asyncio.create_task(world.follower.run())
        world.follower.nudge(LANE, 1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert world.log.asked == {}
        world.follower.close()
        await running
