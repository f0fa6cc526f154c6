"""Reading, writing and transactions against the real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.mysql.conftest import ADD, ECHO, GET, INSERT, LIST, LIST_OTHERS, MY_ID, NONCE, SLEEP, Item, Text
from tests.support.mysql import MysqlServer, run_sql, settings_for
from tests.support.statements import StatementRecorder
from tests.support.waiting import eventually
from unkey_api.core.clock import SystemClock
from unkey_api.core.columns import UnixMs, to_datetime
from unkey_api.core.errors import AppError
from unkey_api.infra.mysql import (
    Database,
    Dsn,
    DuplicateKey,
    Query,
    RowMismatch,
    Statement,
    StoreUnavailable,
    WriteConn,
    log_orphan,
    open_database,
)

pytestmark = pytest.mark.integration
EVERY = "".join(f"{chr(code)}'\\" for code in range(0x3000) if not 0xD800 <= code < 0xE000)
"""Every character of many scripts, each before what could end a text."""


class RefusedError(AppError):
    """A use case that changed its mind."""


class TestStatements:
    async def test_one_many_none(self, items: Database) -> None:
        assert await items.replica.fetch_one(GET, {"id": "a"}) == Item("a", 1)
        assert await items.replica.fetch_one(GET, {"id": "nope"}) is None
        assert await items.primary.fetch_all(LIST, {"ids": ["b", "a"]}) == [Item("a", 1), Item("b", 2)]

    async def test_empty_list_is_in_nothing(self, items: Database) -> None:
        assert await items.primary.fetch_all(LIST, {"ids": ()}) == []
        assert len(await items.primary.fetch_all(LIST_OTHERS, {"ids": ()})) == 2

    @pytest.mark.parametrize(
        "text", ["o'b\\'r\"ien", "100%", "%(text)s", "ünï😀", "a\0b\n\x1a", "'; DROP TABLE items; --", EVERY]
    )
    async def test_text_arrives_as_it_was_sent(self, items: Database, text: str) -> None:
        row = await items.primary.fetch_one(ECHO, {"text": text})
        assert row is not None
        assert row.text == text

    async def test_second_statement_in_one_text_is_refused(self, items: Database) -> None:
        """Whatever slips into a statement cannot start another one."""
        with pytest.raises(StoreUnavailable):
            await items.primary.execute(Statement("two", "SELECT 1; DELETE FROM items"), {})
        assert await items.primary.fetch_one(GET, {"id": "a"}) is not None

    async def test_duplicate_names_its_index(self, items: Database, statements: StatementRecorder) -> None:
        with statements.recording() as seen, pytest.raises(DuplicateKey) as caught:
            await items.primary.execute(INSERT, {"id": "c", "n": 1})
        assert caught.value.index == "items_n_unique"
        assert seen[0].error is caught.value

    async def test_affected_counts_changed_rows_only(self, items: Database) -> None:
        assert (await items.primary.execute(ADD, {"id": "a", "by": 5})).affected == 1
        assert (await items.primary.execute(ADD, {"id": "a", "by": 0})).affected == 0

    async def test_unexpected_column_is_refused_and_the_connection_survives(self, items: Database) -> None:
        with pytest.raises(RowMismatch):
            await items.primary.fetch_one(Query("bad", "SELECT id FROM items", Item), {})
        assert await items.primary.fetch_one(GET, {"id": "a"}) == Item("a", 1)

    async def test_sums_are_integers_and_instants_milliseconds(self, items: Database) -> None:
        total = Query("sum", "SELECT 'sum' AS id, SUM(n) AS n FROM items", Item)
        assert await items.primary.fetch_one(total, {}) == Item("sum", 3)
        instant = UnixMs(1_750_000_000_123)
        as_text = await items.primary.fetch_one(ECHO, {"text": to_datetime(instant)})
        assert as_text is not None
        assert as_text.text == "2025-06-15 15:06:40.123"

    async def test_tags_reach_the_server(self, items_dsn: Dsn) -> None:
        query = Query(
            "process_self", "SELECT info AS text FROM information_schema.processlist WHERE id = CONNECTION_ID()", Text
        )
        async with open_database(
            settings_for(items_dsn), clock=SystemClock(), on_orphan_error=log_orphan, route=lambda: "POST /v2/x"
        ) as database:
            row = await database.replica.fetch_one(query, {})
        assert row is not None
        assert str(row.text).endswith("operation='process_self',route='POST%20%2Fv2%2Fx',source='http',mode='rw'*/")

    async def test_strict_mode(self, items: Database) -> None:
        """A value that does not fit is refused, never cut."""
        with pytest.raises(StoreUnavailable):
            await items.primary.execute(INSERT, {"id": "x" * 49, "n": 9})


class TestBulk:
    async def test_one_statement_for_all_rows(self, items: Database, statements: StatementRecorder) -> None:
        with statements.recording() as seen:
            assert await items.primary.execute_many(INSERT, [{"id": f"i{n}", "n": n} for n in range(100, 600)]) == 500
        assert [(s.name, s.operation, s.mode) for s in seen] == [
            ("item_insert", "begin", "rw_tx"),
            ("item_insert", "exec", "rw_tx"),
            ("item_insert", "commit", "rw_tx"),
        ]

    async def test_all_or_none(self, items: Database) -> None:
        """Also when the rows need several statements."""
        wide = Statement("wide", "INSERT INTO items (id, n) VALUES (LEFT(%(id)s, 48), %(n)s)")
        rows = [{"id": f"w{n}_" + "x" * 1_500_000, "n": 100 + n} for n in range(5)] + [{"id": "dup", "n": 1}]
        with pytest.raises(DuplicateKey):
            await items.primary.execute_many(wide, rows)
        assert await items.primary.fetch_all(LIST_OTHERS, {"ids": ["a", "b"]}) == []
        assert await items.primary.execute_many(wide, rows[:-1]) == 5

    async def test_many_rows_take_several_statements_in_order(
        self, items: Database, statements: StatementRecorder
    ) -> None:
        """Rows may be made while the server works on those before."""
        rows = ({"id": f"m{n}", "n": 1000 + n} for n in range(20_000))
        with statements.recording() as seen:
            assert await items.transaction("many", lambda tx: tx.execute_many(INSERT, rows)) == 20_000
        assert 2 <= sum(s.operation == "exec" for s in seen) <= 5
        count = Query("count", "SELECT 'n' AS id, COUNT(*) AS n FROM items WHERE n >= 1000", Item)
        assert await items.primary.fetch_one(count, {}) == Item("n", 20_000)

    async def test_rows_that_cannot_be_made_undo_the_others(self, items: Database) -> None:
        def rows() -> Iterator[dict[str, object]]:
            for n in range(15_000):
                yield {"id": f"h{n}", "n": 1000 + n}
            raise RefusedError("no more")

        with pytest.raises(RefusedError):
            await items.transaction("half", lambda tx: tx.execute_many(INSERT, rows()))
        assert await items.primary.fetch_all(LIST_OTHERS, {"ids": ["a", "b"]}) == []

    async def test_refusal_of_an_early_statement_ends_the_insert(self, items: Database) -> None:
        made = 0

        def rows() -> Iterator[dict[str, object]]:
            nonlocal made
            for made in range(1, 100_001):
                yield {"id": f"d{made}", "n": 1 if made == 10 else 1000 + made}

        with pytest.raises(DuplicateKey):
            await items.transaction("early", lambda tx: tx.execute_many(INSERT, rows()))
        assert made < 50_000

    async def test_no_rows_no_statement(self, items: Database, statements: StatementRecorder) -> None:
        with statements.recording() as seen:
            assert await items.primary.execute_many(INSERT, []) == 0
        assert seen == []


class TestTransaction:
    async def test_commits_and_returns(self, items: Database) -> None:
        async def work(tx: WriteConn) -> int:
            await tx.execute(INSERT, {"id": "c", "n": 3})
            return 42

        assert await items.transaction("t", work) == 42
        assert await items.primary.fetch_one(GET, {"id": "c"}) == Item("c", 3)

    async def test_an_error_rolls_back_and_passes(self, items: Database, statements: StatementRecorder) -> None:
        async def work(tx: WriteConn) -> None:
            await tx.execute(INSERT, {"id": "c", "n": 3})
            raise RefusedError("no")

        with statements.recording() as seen, pytest.raises(RefusedError):
            await items.transaction("t", work)
        assert [s.operation for s in seen] == ["begin", "exec", "rollback"]
        assert await items.primary.fetch_one(GET, {"id": "c"}) is None
        assert [(pool.lent, pool.idle) for pool in items.pools] == [(0, 1)]

    async def test_deadlock_replays_and_leaves_one_effect(self, items: Database, statements: StatementRecorder) -> None:
        """Two transactions take the same rows in opposite order; the server ends one, which runs again."""
        both = asyncio.Barrier(2)
        attempts = 0

        async def crossing(first: str, second: str) -> None:
            async def work(tx: WriteConn) -> None:
                nonlocal attempts
                attempts += 1
                await tx.execute(ADD, {"id": first, "by": 10})
                if attempts <= 2:
                    await both.wait()
                await tx.execute(ADD, {"id": second, "by": 10})

            await items.transaction("cross", work)

        with statements.recording() as seen:
            await asyncio.gather(crossing("a", "b"), crossing("b", "a"))
        assert attempts == 3
        assert [s.operation for s in seen].count("commit") == 2
        assert await items.primary.fetch_all(LIST, {"ids": ["a", "b"]}) == [Item("a", 21), Item("b", 22)]

    async def test_killed_connection_replays(self, items: Database, items_dsn: Dsn) -> None:
        attempts = 0

        async def work(tx: WriteConn) -> None:
            nonlocal attempts
            attempts += 1
            await tx.execute(ADD, {"id": "a", "by": 10})
            if attempts == 1:
                me = await tx.fetch_one(MY_ID, {})
                assert me is not None
                await run_sql(items_dsn, f"KILL {me.nonce}")
            await tx.execute(ADD, {"id": "b", "by": 10})

        await items.transaction("t", work)
        assert attempts == 2
        assert await items.primary.fetch_all(LIST, {"ids": ["a", "b"]}) == [Item("a", 11), Item("b", 12)]

    async def test_nothing_runs_outside_after_the_server_rolled_back(self, items: Database, items_dsn: Dsn) -> None:
        """A use case that swallows the failure must not go on writing without its transaction."""
        attempts = 0

        async def work(tx: WriteConn) -> None:
            nonlocal attempts
            attempts += 1
            me = await tx.fetch_one(MY_ID, {})
            assert me is not None
            if attempts == 1:
                await run_sql(items_dsn, f"KILL {me.nonce}")
            with suppress(StoreUnavailable):
                await tx.execute(ADD, {"id": "a", "by": 10})
            await tx.execute(ADD, {"id": "b", "by": 10})

        await items.transaction("t", work)
        assert await items.primary.fetch_all(LIST, {"ids": ["a", "b"]}) == [Item("a", 11), Item("b", 12)]

    async def test_its_connection_is_dead_afterwards(self, items: Database) -> None:
        async def work(tx: WriteConn) -> WriteConn:
            return tx

        leaked = await items.transaction("t", work)
        with pytest.raises(StoreUnavailable, match="after the end"):
            await leaked.fetch_one(GET, {"id": "a"})

    async def test_statements_of_several_tasks_take_turns(self, items: Database) -> None:
        async def ask(tx: WriteConn, nonce: int) -> int | None:
            row = await tx.fetch_one(NONCE, {"nonce": nonce, "seconds": 0})
            return row.nonce if row else None

        async def work(tx: WriteConn) -> list[int | None]:
            return await asyncio.gather(*(ask(tx, n) for n in range(20)))

        assert await items.transaction("t", work) == list(range(20))


class TestLeavingCallers:
    async def test_a_write_that_has_begun_ends_without_its_caller(self, items: Database) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def work(tx: WriteConn) -> None:
            await tx.execute(ADD, {"id": "a", "by": 10})
            begun.set()
            await go_on.wait()
            await tx.execute(ADD, {"id": "b", "by": 10})

        caller = asyncio.create_task(items.transaction("t", work))
        await begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        go_on.set()
        await eventually(lambda: items.shielded.count == 0)
        assert await items.primary.fetch_all(LIST, {"ids": ["a", "b"]}) == [Item("a", 11), Item("b", 12)]

    async def test_what_follows_the_commit_happens_without_the_caller(self, items: Database) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        effects: list[str] = []

        async def work(tx: WriteConn) -> str:
            await tx.execute(ADD, {"id": "a", "by": 10})
            begun.set()
            await go_on.wait()
            return "result"

        caller = asyncio.create_task(items.transaction("t", work, on_commit=effects.append))
        await begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert effects == []
        go_on.set()
        await eventually(lambda: items.shielded.count == 0)
        assert effects == ["result"]

    async def test_nothing_follows_a_rollback(self, items: Database) -> None:
        effects: list[None] = []

        async def work(tx: WriteConn) -> None:
            raise LookupError

        with pytest.raises(LookupError):
            await items.transaction("t", work, on_commit=effects.append)
        assert effects == []

    async def test_single_statement_as_well(self, items: Database) -> None:
        caller = asyncio.create_task(items.primary.execute(SLEEP, {"id": "a", "seconds": 0.2}))
        await eventually(lambda: items.pools[0].lent == 1 and items.shielded.count == 1)
        await eventually(lambda: _is_running(items, "item_sleep"))
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await eventually(lambda: items.shielded.count == 0)
        assert await items.primary.fetch_one(GET, {"id": "a"}) == Item("a", 50)

    async def test_a_write_still_waiting_for_a_connection_is_given_up(self, items_dsn: Dsn) -> None:
        settings = replace(settings_for(items_dsn), max_open=1)
        ran = False

        async def work(_: WriteConn) -> None:
            nonlocal ran
            ran = True

        async with open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan) as database:
            async with database.pools[0].lend():
                caller = asyncio.create_task(database.transaction("t", work))
                await eventually(lambda: database.shielded.count == 1)
                caller.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await caller
            await eventually(lambda: database.shielded.count == 0)
        assert not ran

    async def test_error_nobody_hears_is_reported(self, items_dsn: Dsn) -> None:
        orphans: list[tuple[str, BaseException]] = []

        def on_orphan_error(name: str, error: BaseException) -> None:
            orphans.append((name, error))

        begun, go_on = asyncio.Event(), asyncio.Event()

        async def work(_: WriteConn) -> None:
            begun.set()
            await go_on.wait()
            raise RefusedError("too late")

        async with open_database(
            settings_for(items_dsn),
            clock=SystemClock(),
            on_orphan_error=on_orphan_error,
        ) as database:
            caller = asyncio.create_task(database.transaction("t", work))
            await begun.wait()
            caller.cancel()
            await asyncio.wait([caller])
            go_on.set()
            await eventually(lambda: bool(orphans))
        ((name, error),) = orphans
        assert name == "t"
        assert isinstance(error, RefusedError)

    async def test_closing_waits_for_writes_and_then_ends_them(self, items_dsn: Dsn) -> None:
        settings = replace(settings_for(items_dsn), close_timeout=timedelta(milliseconds=50))
        forever = asyncio.Event()

        async def work(tx: WriteConn) -> None:
            await tx.execute(ADD, {"id": "a", "by": 10})
            await forever.wait()

        async with open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan) as database:
            caller = asyncio.create_task(database.transaction("t", work))
            await eventually(lambda: database.pools[0].lent == 1)
        with pytest.raises(StoreUnavailable, match="database closes"):
            await caller
        assert await run_sql(items_dsn, "SELECT n FROM items WHERE id = 'a'") == [(1,)]

    async def test_a_write_is_bounded_in_time(self, items_dsn: Dsn) -> None:
        settings = replace(settings_for(items_dsn), transaction_timeout=timedelta(milliseconds=100))
        forever = asyncio.Event()

        async def work(tx: WriteConn) -> None:
            await tx.execute(ADD, {"id": "a", "by": 10})
            await forever.wait()

        async with open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan) as database:
            with pytest.raises(StoreUnavailable, match="took longer"):
                await database.transaction("t", work)
            row = await database.primary.fetch_one(GET, {"id": "a"})
        assert row == Item("a", 1)


class TestAbsence:
    async def test_start_fails_without_a_server(self) -> None:
        settings = settings_for(Dsn(host="127.0.0.1", port=1, user="u", database="d"))
        with pytest.raises(StoreUnavailable) as caught:
            async with open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan):
                pass
        assert caught.value.transient

    async def test_wrong_password_names_the_user_but_nothing_secret(self, mysql_server: MysqlServer) -> None:
        dsn = replace(mysql_server.tcp_dsn("mysql"), password="hunter2")
        with pytest.raises(StoreUnavailable, match="Access denied for user") as caught:
            async with open_database(settings_for(dsn), clock=SystemClock(), on_orphan_error=log_orphan):
                pass
        assert "hunter2" not in repr(caught.value) + caught.value.internal

    async def test_full_pool_answers_after_its_deadline(self, items_dsn: Dsn) -> None:
        settings = replace(settings_for(items_dsn), max_open=1, acquire_timeout=timedelta(milliseconds=50))
        async with (
            open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan) as database,
            database.pools[0].lend(),
        ):
            with pytest.raises(StoreUnavailable, match="all 1 connections are in use"):
                await database.primary.fetch_one(GET, {"id": "a"})
            with pytest.raises(StoreUnavailable):
                await database.transaction("t", lambda _: asyncio.sleep(0))

    async def test_statement_is_bounded_and_the_pool_recovers(self, items_dsn: Dsn) -> None:
        settings = replace(settings_for(items_dsn), statement_timeout=timedelta(milliseconds=100))
        async with open_database(settings, clock=SystemClock(), on_orphan_error=log_orphan) as database:
            with pytest.raises(StoreUnavailable):
                await database.primary.fetch_one(NONCE, {"nonce": 1, "seconds": 10})
            assert await database.primary.fetch_one(GET, {"id": "a"}) == Item("a", 1)

    async def test_idle_connection_ended_by_the_server_is_not_used(self, items: Database, items_dsn: Dsn) -> None:
        """Also a single write survives: the dead connection is noticed before anything is sent."""
        me = await items.primary.fetch_one(MY_ID, {})
        assert me is not None
        await run_sql(items_dsn, f"KILL {me.nonce}")
        await eventually(lambda: items.pools[0]._idle[0].connection.stale)
        assert (await items.primary.execute(ADD, {"id": "a", "by": 10})).affected == 1


class TestReplica:
    async def test_reads_go_to_the_replica_only_when_there_is_one(
        self, items_dsn: Dsn, mysql_server: MysqlServer, statements: StatementRecorder
    ) -> None:
        settings = replace(settings_for(items_dsn), replica=mysql_server.tcp_dsn(items_dsn.database))
        async with open_database(
            settings, clock=SystemClock(), on_orphan_error=log_orphan, observer=statements
        ) as database:
            with statements.recording() as seen:
                await database.replica.fetch_one(GET, {"id": "a"})
                await database.primary.fetch_one(GET, {"id": "a"})
            assert [s.mode for s in seen] == ["ro", "rw"]
            assert len(database.pools) == 2


async def _is_running(database: Database, name: str) -> bool:
    found = await database.primary.fetch_all(
        Query("running", "SELECT info AS text FROM information_schema.processlist WHERE info LIKE %(like)s", Text),
        {"like": f"%operation='{name}'%mode=_rw_*/"},
    )
    return len(found) > 0
