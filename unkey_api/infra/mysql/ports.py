"""What the rest of the service sees of a database connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from unkey_api.core.changes import Change, LoggedChange
from unkey_api.infra.mysql.statement import Query, Statement

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
