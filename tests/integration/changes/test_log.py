"""The log of changes as transactions write it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.support.mysql import run_sql, settings_for
from tests.support.waiting import eventually
from unkey_api.core.changes import LANES, Change, ChangeKind, LoggedChange, key_changed, lane_of
from unkey_api.core.clock import SystemClock
from unkey_api.core.errors import AppError
from unkey_api.infra.changes.log import KEPT, ChangeTrimming, list_changes, list_heads
from unkey_api.infra.mysql import CommitFailed, Database, Dsn, Statement, StoreUnavailable, Transaction, log_orphan

pytestmark = pytest.mark.integration


class GivenUpError(AppError):
    """A use case that changed its mind."""


@dataclass
class Log:
    """A database with nobody else's changes, and what its listener was told."""

    database: Database
    dsn: Dsn
    told: list[LoggedChange] = field(default_factory=list)

    def listen(self, logged: Sequence[LoggedChange], /) -> None:
        self.told += logged

    async def write(self, *changes: Change) -> None:
        async def work(tx: Transaction) -> None:
            tx.tell(*changes)

        await self.database.transaction("test.tell", work)

    async def rows(self, workspace_id: str) -> list[LoggedChange]:
        lane = lane_of(workspace_id)
        found = await list_changes(self.database.primary, lane, after=0, count=10_000)
        return [each for each in found if each.change.workspace_id == workspace_id]

    async def head(self, workspace_id: str) -> int:
        return (await list_heads(self.database.primary))[lane_of(workspace_id)]


def fresh() -> str:
    return f"ws_{secrets.token_hex(6)}"


@pytest.fixture
async def log(database: Database, mysql_dsn: Dsn) -> AsyncIterator[Log]:
    opened = Log(database, mysql_dsn)
    end = database.listen(opened.listen)
    yield opened
    end()


class TestWriting:
    async def test_what_was_told_is_written_in_order_and_told_after_the_commit(self, log: Log) -> None:
        workspace = fresh()
        before = await log.head(workspace)
        first, second = key_changed(workspace, "h1", "ks"), Change(workspace, ChangeKind.ROLE, "admin")
        await log.write(first, second, first)
        rows = await log.rows(workspace)
        assert rows == [LoggedChange(before + 1, first), LoggedChange(before + 2, second)]
        assert (log.told, await log.head(workspace)) == (rows, before + 2)

    async def test_who_tells_nothing_writes_nothing(self, log: Log) -> None:
        before = await list_heads(log.database.primary)
        await log.write()
        assert (await list_heads(log.database.primary), log.told) == (before, [])

    async def test_what_was_rolled_back_was_never_told(self, log: Log) -> None:
        workspace = fresh()

        async def work(tx: Transaction) -> None:
            tx.tell(key_changed(workspace, "h", "ks"))
            raise GivenUpError("changed its mind")

        with pytest.raises(GivenUpError):
            await log.database.transaction("test.tell", work)
        assert (await log.rows(workspace), log.told) == ([], [])

    async def test_a_replay_tells_once_what_its_last_attempt_told(self, log: Log) -> None:
        workspace, attempts = fresh(), 0

        async def work(tx: Transaction) -> None:
            nonlocal attempts
            attempts += 1
            tx.tell(key_changed(workspace, f"h{attempts}", "ks"))
            if attempts == 1:
                raise StoreUnavailable("a deadlock of the test", transient=True)

        await log.database.transaction("test.tell", work)
        assert [each.change.subject for each in await log.rows(workspace)] == ["h2"]
        assert [each.change.subject for each in log.told] == ["h2"]

    async def test_two_workspaces_are_each_in_their_own_lane(self, log: Log) -> None:
        one = fresh()
        other = next(name for name in iter(fresh, "") if lane_of(name) != lane_of(one))
        descending = sorted((one, other), key=lane_of, reverse=True)
        await log.write(*(key_changed(name, "h", "ks") for name in (*descending, one)))
        assert (len(await log.rows(one)), len(await log.rows(other))) == (1, 1)
        # Everybody takes them in this order, so that nobody waits in a circle.
        assert [each.lane for each in log.told] == sorted(map(lane_of, descending))

    async def test_names_of_any_script_fit(self, log: Log) -> None:
        workspace = fresh()
        await log.write(Change(workspace, ChangeKind.ROLE, "ü日本🎉'\\ "), Change(workspace, ChangeKind.KEY, "x" * 320))
        assert [each.change.subject for each in await log.rows(workspace)] == ["ü日本🎉'\\ ", "x" * 320]

    async def test_a_database_without_its_lanes_refuses_and_says_what_to_do(self, empty_mysql_dsn: Dsn) -> None:
        await run_sql(empty_mysql_dsn, "CREATE TABLE change_lanes (lane INT PRIMARY KEY, revision BIGINT)")
        database = Database(settings_for(empty_mysql_dsn), clock=SystemClock(), on_orphan_error=log_orphan)
        try:
            with pytest.raises(StoreUnavailable, match="unkey-api migrate"):
                await Log(database, empty_mysql_dsn).write(key_changed("ws", "h", "ks"))
        finally:
            await database.close()


class TestAfterTheCommit:
    async def test_it_is_acted_on_although_the_caller_has_left(self, log: Log) -> None:
        workspace = fresh()
        async with _held_lane(log.dsn, lane_of(workspace)) as let_go:
            caller = asyncio.create_task(log.write(key_changed(workspace, "h", "ks")))
            await eventually(lambda: _waits_for_lane(log))
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            assert log.told == []
            let_go.set()
        await eventually(lambda: [each.change.workspace_id for each in log.told] == [workspace])

    async def test_a_commit_without_an_answer_is_acted_on_without_a_revision(self, log: Log) -> None:
        """It may have taken effect, or its number may go to somebody else."""
        workspace = fresh()

        async def work(tx: Transaction) -> None:
            tx.tell(key_changed(workspace, "h", "ks"))
            connection = tx._connection  # type: ignore[attr-defined]  # to cut it between the statements and the commit
            run = connection.run

            async def cut(sql: str) -> object:
                if sql.startswith("COMMIT"):
                    connection.close()
                return await run(sql)

            connection.run = cut

        with pytest.raises(CommitFailed):
            await log.database.transaction("test.tell", work)
        assert log.told == [LoggedChange(0, key_changed(workspace, "h", "ks"))]


class TestOrder:
    async def test_a_reader_never_misses_and_never_sees_late_what_16_writers_commit(self, log: Log) -> None:
        workspaces = [f"ws_order_{number}" for number in range(4)]
        writing = [asyncio.create_task(self._write(log, workspaces, writer)) for writer in range(16)]
        applied = await list_heads(log.database.primary)
        start = dict(applied)
        seen: list[LoggedChange] = []
        while not all(task.done() for task in writing):
            await self._follow(log, applied, seen)
        await asyncio.gather(*writing)
        await self._follow(log, applied, seen)
        mine = [each.change.subject for each in seen if each.change.workspace_id in workspaces]
        assert len(mine) == len(set(mine)) == 16 * 20
        assert sum(applied.values()) - sum(start.values()) == len(seen)

    @staticmethod
    async def _write(log: Log, workspaces: list[str], writer: int) -> None:
        for number in range(20):
            await log.write(key_changed(workspaces[number % len(workspaces)], f"{writer}-{number}", "ks"))

    @staticmethod
    async def _follow(log: Log, applied: dict[int, int], seen: list[LoggedChange]) -> None:
        for lane, head in (await list_heads(log.database.primary)).items():
            if head > applied[lane]:
                rows = await list_changes(log.database.primary, lane, after=applied[lane], count=10_000)
                assert [each.revision for each in rows] == list(range(applied[lane] + 1, rows[-1].revision + 1))
                assert rows[-1].revision >= head
                seen += rows
                applied[lane] = rows[-1].revision


class TestTrimming:
    async def test_old_changes_go_and_young_ones_stay(self, log: Log) -> None:
        clock = SystemClock()
        old, young = fresh(), fresh()
        await log.write(*(key_changed(old, f"h{number}", "ks") for number in range(2_500)))
        age = int(KEPT.total_seconds() * 1_000) + 60_000
        await run_sql(
            log.dsn,
            f"UPDATE changes SET at_m = {clock.now_ms() - age} WHERE lane = {lane_of(old)}",
        )
        await log.write(key_changed(young, "h", "ks"))
        await ChangeTrimming(log.database.primary, clock, share=0).trim()
        assert (len(await log.rows(old)), len(await log.rows(young))) == (0, 1)
        heads = await list_heads(log.database.primary)
        assert len(heads) == LANES


class _held_lane:  # noqa: N801 - reads like a context manager
    """Keep a lane locked until `let_go` is set."""

    def __init__(self, dsn: Dsn, lane: int) -> None:
        self._dsn, self._lane = dsn, lane
        self._let_go = asyncio.Event()

    async def __aenter__(self) -> asyncio.Event:
        self._database = Database(settings_for(self._dsn), clock=SystemClock(), on_orphan_error=log_orphan)
        locked = asyncio.Event()
        lock = Statement("lane_lock", f"UPDATE change_lanes SET revision = revision WHERE lane = {self._lane}")

        async def work(tx: Transaction) -> None:
            await tx.execute(lock, {})
            locked.set()
            await self._let_go.wait()

        self._task = asyncio.create_task(self._database.transaction("test.hold", work))
        await locked.wait()
        return self._let_go

    async def __aexit__(self, *_: object) -> None:
        self._let_go.set()
        await self._task
        await self._database.close()


async def _waits_for_lane(log: Log) -> bool:
    waiting = "info LIKE '%LAST_INSERT_ID(revision%' AND info NOT LIKE '%processlist%'"
    rows = await run_sql(log.dsn, f"SELECT COUNT(*) FROM information_schema.processlist WHERE {waiting}")
    return rows[0][0] == 1
