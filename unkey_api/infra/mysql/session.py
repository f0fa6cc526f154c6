"""Statements on one connection: tags, the time bound, the observer, rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from unkey_api.core.changes import Change
from unkey_api.core.clock import Clock
from unkey_api.infra.mysql.driver import Answer, DriverConnection
from unkey_api.infra.mysql.errors import StoreUnavailable
from unkey_api.infra.mysql.ports import ExecResult, Mode, Operation, Params, StatementObserver
from unkey_api.infra.mysql.sql_text import Tagger, sql_literal
from unkey_api.infra.mysql.statement import Query, Statement, Template

R = TypeVar("R")

CHUNK_BYTES = 256 * 1024
"""Size of one multi-row INSERT: so large that round trips do not matter, so small that a thousand rows are several,
and the server works on one while the next is written. Far below what servers accept."""
BREATH_ROWS = 64
"""Rows written at a stretch, about half a millisecond."""
GRACE_SECONDS = 0.5
"""How much longer than the server we wait, so that its orderly error comes first and the connection survives."""


class Watch(NamedTuple):
    """Who wants to hear of statements, and the clock to time them by."""

    observer: StatementObserver
    clock: Clock


@dataclass(frozen=True, slots=True)
class Runtime:
    """What every session of a database shares."""

    tagger: Tagger
    statement_seconds: float
    """Budget for one statement."""
    watch: Watch | None
    """None when nobody listens."""


class Session:
    """A `WriteConn` over one connection, and a `Transaction` while one is open.

    Statements from several tasks take turns. Once the server may have rolled a transaction back by itself (deadlock,
    lost connection) every further statement raises the same error: run outside, it would commit on its own.
    """

    def __init__(self, connection: DriverConnection, runtime: Runtime, *, mode: Mode) -> None:
        self._connection = connection
        self._runtime = runtime
        self._mode: Mode = mode
        self._turn = asyncio.Lock()
        self._ended: StoreUnavailable | None = None
        self._told: dict[Change, None] = {}

    @property
    def told(self) -> tuple[Change, ...]:
        """What was told so far, each thing once, in order."""
        return tuple(self._told)

    def tell(self, *changes: Change) -> None:
        """See `Transaction`."""
        self._told.update(dict.fromkeys(changes))

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._connection.closed

    def end(self) -> None:
        """Refuse further statements; the connection goes back to its pool."""
        self._ended = StoreUnavailable("statement after the end of its transaction")

    def drop(self) -> None:
        """Close the connection; the server rolls back what it did not commit."""
        self._connection.close()

    async def fetch_one(self, query: Query[R], params: Params) -> R | None:
        """See `ReadConn`."""
        answer = await self._run(query.name, "query_row", self._render(query.template, params))
        rows = query.mapper.all(answer.columns, answer.rows[:1])
        return rows[0] if rows else None

    async def fetch_all(self, query: Query[R], params: Params) -> list[R]:
        """See `ReadConn`."""
        answer = await self._run(query.name, "query", self._render(query.template, params))
        return query.mapper.all(answer.columns, answer.rows)

    async def execute(self, statement: Statement, params: Params) -> ExecResult:
        """See `WriteConn`."""
        answer = await self._run(statement.name, "exec", self._render(statement.template, params))
        return ExecResult(affected=answer.affected, last_id=answer.last_id)

    async def execute_many(self, statement: Statement, rows: Iterable[Params]) -> int:
        """See `WriteConn`; all rows or none holds only within a transaction."""
        head, group, tail = statement.bulk()
        groups = (group.render(row, sql_literal) for row in rows)
        affected = 0
        chunk, more = await _next_chunk(groups)
        while chunk:
            sql = f"{head}{','.join(chunk)}{tail}"
            if not more:
                return affected + (await self._run(statement.name, "exec", sql)).affected
            # The server works on one statement while the next one is written.
            running = asyncio.create_task(self._run(statement.name, "exec", sql))
            try:
                chunk, more = await _next_chunk(groups)
            except BaseException:
                running.cancel()
                await asyncio.wait([running])
                raise
            affected += (await running).affected
        return affected

    async def control(self, word: Literal["begin", "commit", "rollback"], name: str) -> None:
        """Begin, commit or roll back the transaction called `name`."""
        await self._run(name, word, word.upper())

    def _render(self, template: Template, params: Params) -> str:
        return template.render(params, sql_literal)

    async def _run(self, name: str, operation: Operation, sql: str) -> Answer:
        tagged = self._runtime.tagger(sql, name, self._mode)
        watch = self._runtime.watch
        if watch is None:
            return await self._send(tagged, name)
        started = watch.clock.monotonic()
        error: BaseException | None = None
        try:
            return await self._send(tagged, name)
        except BaseException as err:
            error = err
            raise
        finally:
            watch.observer.on_statement(name, self._mode, operation, watch.clock.monotonic() - started, error)

    async def _send(self, sql: str, name: str) -> Answer:
        async with self._turn:
            if self._ended:
                raise self._ended
            budget = self._runtime.statement_seconds
            try:
                async with asyncio.timeout(budget + GRACE_SECONDS):
                    return await self._connection.run(sql)
            except TimeoutError as err:
                self._connection.close()
                fault = StoreUnavailable(f"statement {name} took longer than {budget} s", outcome_unknown=True)
                self._ended = fault
                raise fault from err
            except StoreUnavailable as err:
                if err.transient or self._connection.closed:
                    self._ended = err
                raise


async def _next_chunk(groups: Iterator[str]) -> tuple[list[str], bool]:
    """Return the rendered rows of one statement, a row more than `CHUNK_BYTES`, and whether there may be others.

    Others may run every few rows: what they wait for is sent and read in between.
    """
    chunk: list[str] = []
    room = CHUNK_BYTES
    for group in groups:
        chunk.append(group)
        room -= len(group) if group.isascii() else len(group.encode())
        if room < 0:
            return chunk, True
        if len(chunk) % BREATH_ROWS == 0:
            await asyncio.sleep(0)
    return chunk, False
