"""What the database layer needs to know, and what the rest of the service sees of a connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol, TypeVar

from unkey_api.core.changes import Change, LoggedChange
from unkey_api.infra.mysql.statement import Query, Statement
from unkey_api.settings.addresses.mysql import Dsn


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlSettings:
    """How we reach MySQL or MariaDB, and how long we wait for it."""

    primary: Dsn
    """Reads that must be current and all writes go here."""
    replica: Dsn | None = None
    """Reads that may lag go here; None sends them to the primary."""
    max_open: int = 25
    """Connections per pool, at least 1."""
    max_idle: int = 10
    """Unused connections kept per pool, 0 or more."""
    max_lifetime: timedelta = timedelta(minutes=5)
    """A connection this old is closed instead of reused, so that a fail-over shows. Keep it below `wait_timeout`."""
    max_idle_time: timedelta = timedelta(minutes=1)
    """A connection unused for so long is closed instead of reused."""
    connect_timeout: timedelta = timedelta(seconds=5)
    """Budget for the TCP connect, TLS and login of one connection."""
    acquire_timeout: timedelta = timedelta(seconds=5)
    """How long a statement waits for a free connection, apart from connecting."""
    statement_timeout: timedelta = timedelta(seconds=30)
    """Budget for one statement, enforced by the server and, half a second later, by us."""
    transaction_timeout: timedelta = timedelta(minutes=1)
    """Budget for a write with all its replays; it also bounds writes whose caller has left."""
    close_timeout: timedelta = timedelta(seconds=10)
    """How long closing waits for writes in flight before it ends them."""
    replica_lag_max: timedelta = timedelta(seconds=30)
    """How long after a change the replica is not asked for what belongs to its workspace; see `ReplicaRule`."""
    startup_attempts: int = 5
    """Pings before the start fails; the n-th failure is followed by a wait of n seconds."""
    region: str = ""
    """Named in the comment on each statement; empty leaves it out."""
    release_sha: str = ""
    """Named in the comment on each statement, first seven characters; empty leaves it out."""


R = TypeVar("R")

Params = Mapping[str, object]
"""Values for the `%(name)s` of a statement: exactly the names it uses."""

Mode = Literal["rw", "ro", "rw_tx"]
"""Primary, replica, or within a transaction on the primary."""

Operation = Literal["query", "query_row", "exec", "begin", "commit", "rollback"]
"""Many rows, one row, no rows, and the three ends of a transaction."""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a write did."""

    affected: int
    """Rows changed. An update that sets what is already there counts 0; an upsert that updates counts 2."""
    last_id: int
    """The auto-increment value of the first inserted row, 0 if there is none."""


class ReadConn(Protocol):
    """Something that answers queries. Ask for this one unless you write."""

    async def fetch_one(self, query: Query[R], params: Params) -> R | None:
        """Return the first row, or None.

        Raises:
            StoreUnavailable: The store failed, also after retries.
            RowMismatch: The columns are not those of the row class.
        """
        ...

    async def fetch_all(self, query: Query[R], params: Params) -> list[R]:
        """Return all rows in the order of the statement. Raises as `fetch_one` does."""
        ...


class WriteConn(ReadConn, Protocol):
    """Something that also writes: the primary or a transaction on it."""

    async def execute(self, statement: Statement, params: Params) -> ExecResult:
        """Run one statement.

        Raises:
            DuplicateKey: A unique index refused the row.
            StoreUnavailable: The store failed.
        """
        ...

    async def execute_many(self, statement: Statement, rows: Iterable[Params]) -> int:
        """Insert all rows with one multi-row INSERT per quarter of a megabyte of SQL and return the affected rows.

        The statement has one `VALUES (…)` group. All rows or none are written. No rows, no statement. Rows that are
        made while they are read are made while the server works.
        Raises as `execute` does.
        """
        ...


class Transaction(WriteConn, Protocol):
    """A transaction on the primary. What it tells is written down with it and acted on once it has committed."""

    def tell(self, *changes: Change) -> None:
        """Say what verifications and limits see differently once this commits. Repetitions count once.

        The only way to have a cache forget something: whoever tells also leaves a row in the log of changes.
        """
        ...


ReadsOf = Callable[[str], ReadConn]
"""Returns where to read what belongs to a workspace: a replica, unless it may lag behind what this process knows."""


class AnyReads(Protocol):
    """Something that looks up what is not known to belong to a workspace before it is found."""

    async def read_any(
        self,
        read: Callable[[ReadConn], Awaitable[R | None]],
        *,
        subject: str,
        owners: Callable[[R], Iterable[str]],
    ) -> R | None:
        """See `Database.read_any`."""
        ...


class ChangeListener(Protocol):
    """Told what committed transactions changed."""

    def __call__(self, changes: Sequence[LoggedChange], /) -> None:
        """Act on it at once: nothing has run since the answer to the commit. Must not raise.

        Changes whose commit got no answer come too, without a revision.
        """
        ...


class StatementObserver(Protocol):
    """Told about every statement, begin, commit and rollback once it ended. Must be quick and must not raise."""

    def on_statement(
        self, name: str, mode: Mode, operation: Operation, seconds: float, error: BaseException | None
    ) -> None:
        """Take note. `name` is the statement's file name or the transaction's name."""
        ...
