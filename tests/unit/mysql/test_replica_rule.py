"""Which reads a replica may serve."""

from __future__ import annotations

import pytest

from tests.support.clock import FixedClock
from unkey_api.core.changes import LANES, Change, LoggedChange, key_changed, lane_of, workspace_changed
from unkey_api.infra.mysql import ANY_WORKSPACE, ReplicaRule

LAG_MS = 30_000


def heads(revision: int) -> dict[int, int]:
    return dict.fromkeys(range(LANES), revision)


def changed(workspace: str, revision: int, subject: str = "hash") -> LoggedChange:
    return LoggedChange(revision, key_changed(workspace, subject, "ks"))


class World:
    """A rule that believes the replica, which shows revision 10 of every lane."""

    def __init__(self, *, marks_max: int = 100) -> None:
        self.clock = FixedClock()
        self.rule = ReplicaRule(self.clock, lag_max_seconds=LAG_MS / 1_000, enabled=True, marks_max=marks_max)
        self.clock.advance(LAG_MS)
        self.rule.replica_shows(heads(10))


class TestStart:
    def test_nothing_is_served_until_time_has_passed(self) -> None:
        clock = FixedClock()
        rule = ReplicaRule(clock, lag_max_seconds=30, enabled=True)
        rule.replica_shows(heads(10))
        clock.advance(LAG_MS - 1)
        assert (rule.may_serve("ws"), rule.may_miss("x")) == (False, False)
        clock.advance(1)
        assert (rule.may_serve("ws"), rule.may_miss("x")) == (True, True)

    def test_nor_until_the_replica_shows_what_was_there(self) -> None:
        world = World()
        world.rule.distrust(heads(11))
        world.clock.advance(10 * LAG_MS)
        assert not world.rule.may_serve("ws")
        world.rule.replica_shows(heads(11))
        assert world.rule.may_serve("ws")

    def test_without_a_replica_nothing_is_remembered(self) -> None:
        rule = ReplicaRule(FixedClock(), lag_max_seconds=30, enabled=False)
        rule.note(changed("ws", 1))
        rule.distrust(heads(5))
        assert (rule.may_serve("ws"), rule.may_miss("hash"), rule.marked, rule.waits) == (True, True, 0, False)


class TestMarks:
    def test_only_the_workspace_that_changed_is_read_from_the_primary(self) -> None:
        world = World()
        world.rule.note(changed("ws_1", 11))
        assert (world.rule.may_serve("ws_1"), world.rule.may_serve("ws_2")) == (False, True)
        assert not world.rule.may_serve("ws_2", "ws_1")

    @pytest.mark.parametrize(
        ("passed_ms", "shown", "believed"), [(LAG_MS, 10, False), (LAG_MS - 1, 11, False), (LAG_MS, 11, True)]
    )
    def test_it_takes_both_the_revision_and_the_time(self, *, passed_ms: int, shown: int, believed: bool) -> None:
        world = World()
        world.rule.note(changed("ws_1", 11))
        world.clock.advance(passed_ms)
        world.rule.replica_shows(heads(shown))
        assert world.rule.may_serve("ws_1") is believed
        assert world.rule.may_miss("hash") is believed
        assert world.rule.waits is not believed

    def test_another_lane_proves_nothing(self) -> None:
        world = World()
        world.rule.note(changed("ws_1", 11))
        world.clock.advance(LAG_MS)
        world.rule.replica_shows(heads(99) | {lane_of("ws_1"): 10})
        assert not world.rule.may_serve("ws_1")

    def test_a_later_change_begins_the_time_anew(self) -> None:
        world = World()
        world.rule.note(changed("ws_1", 11))
        world.clock.advance(LAG_MS - 1)
        world.rule.note(changed("ws_1", 12))
        world.rule.replica_shows(heads(12))
        world.clock.advance(1)
        assert not world.rule.may_serve("ws_1")

    def test_absence_is_not_believed_of_what_was_just_created(self) -> None:
        world = World()
        world.rule.note(changed("ws_1", 11, "new"))
        assert (world.rule.may_miss("new"), world.rule.may_miss("other")) == (False, True)

    def test_a_changed_workspace_makes_every_search_for_one_doubtful(self) -> None:
        world = World()
        assert world.rule.may_miss(ANY_WORKSPACE)
        world.rule.note(LoggedChange(11, workspace_changed("ws_1")))
        assert not world.rule.may_miss(ANY_WORKSPACE)

    def test_ended_marks_are_forgotten(self) -> None:
        world = World()
        for number in range(50):
            world.rule.note(changed(f"ws_{number}", 11, f"hash_{number}"))
        assert world.rule.marked == 50
        world.clock.advance(LAG_MS)
        world.rule.replica_shows(heads(11))
        assert (world.rule.marked, world.rule.waits) == (0, False)


class TestBound:
    def test_too_many_workspaces_send_everything_to_the_primary(self) -> None:
        world = World(marks_max=10)
        for number in range(11):
            world.rule.note(LoggedChange(11 + number, Change(f"ws_{number}", key_changed("", "", "").kind, "same")))
        assert world.rule.marked <= 10
        assert not world.rule.may_serve("never changed")
        world.clock.advance(LAG_MS)
        world.rule.replica_shows(heads(30))
        assert (world.rule.may_serve("never changed"), world.rule.may_serve("ws_0"), world.rule.marked) == (
            True,
            True,
            0,
        )

    def test_too_many_subjects_do_too(self) -> None:
        world = World(marks_max=10)
        for number in range(11):
            world.rule.note(changed("ws_1", 11 + number, f"hash_{number}"))
        assert not world.rule.may_miss("never changed")
