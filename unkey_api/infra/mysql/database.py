"""The database: a replica to read from, a primary to write to, transactions that replay.

Reads are cancelled with their caller. A write that has begun runs to its end even when its caller is cancelled, bounded
by `transaction_timeout`; one that still waits for a connection is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Literal, TypeVar

from unkey_api.core.changes import LoggedChange
from unkey_api.core.clock import Clock
from unkey_api.infra.mysql.change_log import write_changes
from unkey_api.infra.mysql.errors import BeginFailed, CommitFailed, StoreUnavailable
from unkey_api.infra.mysql.execution import OrphanHook, ShieldedTasks, Started, is_transient, is_undone, replaying
from unkey_api.infra.mysql.pool import Pool
from unkey_api.infra.mysql.ports import (
    ChangeListener,
    ExecResult,
    Mode,
    MysqlSettings,
    Params,
    ReadConn,
    StatementObserver,
    Transaction,
    WriteConn,
)
from unkey_api.infra.mysql.replica_rule import ReplicaRule
from unkey_api.infra.mysql.session import Runtime, Session, Watch
from unkey_api.infra.mysql.sql_text import Route, Tagger, no_route
from unkey_api.infra.mysql.statement import Query, Statement

R = TypeVar("R")
T = TypeVar("T")


class _Reader:
    """A `ReadConn` that borrows a connection per statement and tries again after transient failures."""

    def __init__(self, pool: Pool, runtime: Runtime, mode: Mode) -> None:
        self._pool = pool
        self._runtime = runtime
        self._mode: Mode = mode

    async def fetch_one(self, query: Query[R], params: Params) -> R | None:
        """See `ReadConn`."""

        async def attempt() -> R | None:
            async with self._pool.lend() as connection:
                return await Session(connection, self._runtime, mode=self._mode).fetch_one(query, params)

        return await replaying(attempt, is_transient)

    async def fetch_all(self, query: Query[R], params: Params) -> list[R]:
        """See `ReadConn`."""

        async def attempt() -> list[R]:
            async with self._pool.lend() as connection:
                return await Session(connection, self._runtime, mode=self._mode).fetch_all(query, params)

        return await replaying(attempt, is_transient)


class _Writer(_Reader):
    """A `WriteConn` whose statements each commit by themselves."""

    def __init__(self, database: Database, pool: Pool, runtime: Runtime) -> None:
        super().__init__(pool, runtime, "rw")
        self._database = database

    async def execute(self, statement: Statement, params: Params) -> ExecResult:
        """See `WriteConn`. Not tried again when the connection broke under it: it may have taken effect."""

        async def write(started: Started) -> ExecResult:
            async def attempt() -> ExecResult:
                async with self._pool.lend() as connection:
                    started()
                    return await Session(connection, self._runtime, mode="rw").execute(statement, params)

            return await self._database.bounded(replaying(attempt, is_undone), statement.name)

        return await self._database.shielded.run(write, name=statement.name)

    async def execute_many(self, statement: Statement, rows: Iterable[Params]) -> int:
        """See `WriteConn`."""
        listed = list(rows)  # a replay needs them again
        if not listed:
            return 0
        return await self._database.transaction(statement.name, lambda tx: tx.execute_many(statement, listed))


class Database:
    """Everything the service does with MySQL. Made by `open_database`."""

    def __init__(
        self,
        settings: MysqlSettings,
        *,
        clock: Clock,
        on_orphan_error: OrphanHook,
        observer: StatementObserver | None = None,
        route: Route = no_route,
    ) -> None:
        self._settings = settings
        self._runtime = Runtime(
            watch=Watch(observer, clock) if observer else None,
            tagger=Tagger(region=settings.region, release_sha=settings.release_sha, route=route),
            statement_seconds=settings.statement_timeout.total_seconds(),
        )
        self._pool = Pool(settings.primary, settings, clock=clock)
        self._replica_pool = Pool(settings.replica, settings, clock=clock) if settings.replica else None
        self.shielded = ShieldedTasks(on_orphan_error)
        """Writes under way."""
        self.replica_rule = ReplicaRule(
            clock, lag_max_seconds=settings.replica_lag_max.total_seconds(), enabled=settings.replica is not None
        )
        """Which reads the replica may serve."""
        self._clock = clock
        self._following_pool = Pool(settings.primary, replace(settings, max_open=1, max_idle=1), clock=clock)
        self._following = _Reader(self._following_pool, self._runtime, "rw")
        self._listeners: list[ChangeListener] = []
        self._primary = _Writer(self, self._pool, self._runtime)
        self._replica = _Reader(self._replica_pool, self._runtime, "ro") if self._replica_pool else self._primary

    @property
    def primary(self) -> WriteConn:
        """Current data. Each statement commits by itself; reads are tried again after transient failures."""
        return self._primary

    @property
    def replica(self) -> ReadConn:
        """Data that may lag behind the primary; the primary itself where no replica is configured.

        For what may be old whatever was changed just now. What belongs to a workspace is read through `reads_of`.
        """
        return self._replica

    @property
    def has_replica(self) -> bool:
        """Whether there is a replica beside the primary."""
        return self._replica_pool is not None

    @property
    def following(self) -> ReadConn:
        """The primary over a connection that nothing else uses, so that following the log waits for nobody."""
        return self._following

    def reads_of(self, workspace_id: str) -> ReadConn:
        """Return where to read what belongs to a workspace, for answers and caches; decisions read the primary.

        That is the replica, unless this process knows of a change of the workspace that the replica may not have.
        """
        return self._replica if self.replica_rule.may_serve(workspace_id) else self._primary

    async def read_any(
        self,
        read: Callable[[ReadConn], Awaitable[T | None]],
        *,
        subject: str,
        owners: Callable[[T], Iterable[str]],
    ) -> T | None:
        """Read something whose workspace shows only once it is found; old rows of a replica are read again.

        Args:
            read: Asks the server it is given; may run twice.
            subject: What is looked up, as changes name it: a replica that lacks it is believed only when nothing is
                known about it.
            owners: The workspaces a row belongs to.

        Raises:
            StoreUnavailable: It could not be read.
        """
        rule = self.replica_rule
        if not rule.may_miss(subject):
            return await read(self._primary)
        found = await read(self._replica)
        if rule.may_miss(subject) if found is None else rule.may_serve(*owners(found)):
            return found
        rule.rereads += 1
        return await read(self._primary)

    def listen(self, listener: ChangeListener) -> Callable[[], None]:
        """Have `listener` told what transactions of this process changed; return how to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The primary's pool and, if there is one, the replica's."""
        return (self._pool, self._replica_pool) if self._replica_pool else (self._pool,)

    async def transaction(
        self,
        name: str,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        on_commit: Callable[[T], Awaitable[None] | None] | None = None,
    ) -> T:
        """Run `work` in one transaction on the primary and commit; an error rolls back and is passed on.

        After a deadlock, a lock wait time-out or a lost connection the whole of `work` runs again in a new transaction,
        at most three times: make ids and read the clock outside of it, and let side effects follow the commit.
        What `work` told is written to the log of changes right before the commit, and acted on here right after it.
        `on_commit` is the place for other effects that must not be missed: it gets the result and is called after that,
        also when the caller has left meanwhile, and before anybody else runs; what it returns is awaited.

        Raises:
            StoreUnavailable: Beginning, committing or a statement failed for good. Once the commit was sent and the
                connection broke, the outcome is unknown and nothing is replayed.
        """

        async def write(started: Started) -> T:
            attempt = partial(self._attempt, name, work, on_commit, started)
            result, effect = await self.bounded(replaying(attempt, _may_replay), name)
            if effect is not None:
                await effect
            return result

        return await self.shielded.run(write, name=name)

    async def ping(self) -> None:
        """Prove that every server answers. Raises StoreUnavailable if one does not."""
        for pool in self.pools:
            try:
                async with pool.lend() as connection, asyncio.timeout(self._settings.connect_timeout.total_seconds()):
                    await connection.run("SELECT 1")
            except TimeoutError as err:
                raise StoreUnavailable("no answer to a ping", transient=True) from err

    async def bounded(self, work: Awaitable[T], name: str) -> T:
        """Await `work` for at most `transaction_timeout`."""
        try:
            async with asyncio.timeout(self._settings.transaction_timeout.total_seconds()):
                return await work
        except TimeoutError as err:
            raise StoreUnavailable(f"{name} took longer than {self._settings.transaction_timeout}") from err

    async def close(self) -> None:
        """Wait for writes under way, at most `close_timeout`, then close all connections. May be called twice."""
        await self.shielded.drain(self._settings.close_timeout)
        for pool in (*self.pools, self._following_pool):
            await pool.close()

    async def _attempt(
        self,
        name: str,
        work: Callable[[Transaction], Awaitable[T]],
        on_commit: Callable[[T], Awaitable[None] | None] | None,
        started: Started,
    ) -> tuple[T, Awaitable[None] | None]:
        async with self._begun(name, started) as session:
            result = await work(session)
            logged = await write_changes(session, session.told, self._clock)
            try:
                await _step(session, "commit", name, CommitFailed)
            except BaseException:
                # It may have taken effect all the same, and the next revisions may be somebody else's.
                self._announce([LoggedChange(0, each.change) for each in logged])
                raise
            self._announce(logged)
            return result, None if on_commit is None else on_commit(result)

    def _announce(self, logged: Sequence[LoggedChange]) -> None:
        if not logged:
            return
        for each in logged:
            self.replica_rule.note(each)
        for listener in self._listeners:
            listener(logged)

    @asynccontextmanager
    async def _begun(self, name: str, started: Started) -> AsyncIterator[Session]:
        """Begin; roll back if the block raises. A cancel or a broken connection closes it, which rolls back as well."""
        async with self._pool.lend() as connection:
            started()
            session = Session(connection, self._runtime, mode="rw_tx")
            try:
                await _step(session, "begin", name, BeginFailed)
                yield session
            except asyncio.CancelledError:
                connection.close()
                raise
            except BaseException:
                if not connection.closed:
                    await _roll_back(session, name)
                raise
            finally:
                session.end()


@asynccontextmanager
async def open_database(
    settings: MysqlSettings,
    *,
    clock: Clock,
    on_orphan_error: OrphanHook,
    observer: StatementObserver | None = None,
    route: Route = no_route,
) -> AsyncIterator[Database]:
    """Open the pools, prove that the servers answer, and close everything at the end.

    `on_orphan_error` hears of a write that failed after its caller had left, `observer` of every statement; `route`
    says which request a statement is made for.

    Raises:
        StoreUnavailable: No server answered within `startup_attempts`.
    """
    database = Database(settings, clock=clock, on_orphan_error=on_orphan_error, observer=observer, route=route)
    try:
        await _await_servers(database, settings.startup_attempts)
        yield database
    finally:
        await database.close()


async def _await_servers(database: Database, attempts: int) -> None:
    for number in range(1, attempts + 1):
        try:
            return await database.ping()
        except StoreUnavailable:
            if number == attempts:
                raise
        await asyncio.sleep(number)
    return None


async def _step(session: Session, word: Literal["begin", "commit"], name: str, failure: type[StoreUnavailable]) -> None:
    """Begin or commit; if that fails, tell the caller which."""
    try:
        await session.control(word, name)
    except StoreUnavailable as err:
        raise failure(
            err.internal, errno=err.errno, transient=err.transient, outcome_unknown=err.outcome_unknown
        ) from err


async def _roll_back(session: Session, name: str) -> None:
    try:
        await session.control("rollback", name)
    except StoreUnavailable:
        session.drop()  # the server rolls back what it loses sight of; the caller's error matters more


def _may_replay(fault: StoreUnavailable) -> bool:
    """Everything short of a commit whose outcome nobody knows was rolled back."""
    return fault.transient and not (fault.outcome_unknown and isinstance(fault, CommitFailed))
