"""Statements on one connection: tags, the time bound, the observer, rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from unkey_api.core.clock import Clock
from unkey_api.infra.mysql.driver import Answer, DriverConnection
from unkey_api.infra.mysql.errors import StoreUnavailable
from unkey_api.infra.mysql.ports import ExecResult, Mode, Operation, Params, StatementObserver
from unkey_api.infra.mysql.statement import Query, Statement, Template
from unkey_api.infra.mysql.tags import Tagger

R = TypeVar("R")

CHUNK_BYTES = 4 * 1024 * 1024
"""Size of one multi-row INSERT; a quarter of the smallest default `max_allowed_packet` of supported servers."""
GRACE_SECONDS = 0.5
"""How much longer than the server we wait, so that its orderly error comes first and the connection survives."""


@dataclass(frozen=True, slots=True)
class Watch:
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
    """A `WriteConn` over one connection.

    Statements from several tasks take turns. Once the server may have rolled a transaction back by itself (deadlock,
    lost connection) every further statement raises the same error: run outside, it would commit on its own.
    """

    def __init__(self, connection: DriverConnection, runtime: Runtime, *, mode: Mode) -> None:
        self._connection = connection
        self._runtime = runtime
        self._mode: Mode = mode
        self._turn = asyncio.Lock()
        self._ended: StoreUnavailable | None = None

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

    async def execute_many(self, statement: Statement, rows: Sequence[Params]) -> int:
        """See `WriteConn`; all rows or none holds only within a transaction."""
        head, group, tail = statement.bulk()
        affected = 0
        for chunk in _chunks([self._render(group, row) for row in rows]):
            answer = await self._run(statement.name, "exec", f"{head}{','.join(chunk)}{tail}")
            affected += answer.affected
        return affected

    async def control(self, word: Literal["begin", "commit", "rollback"], name: str) -> None:
        """Begin, commit or roll back the transaction called `name`."""
        await self._run(name, word, word.upper())

    def _render(self, template: Template, params: Params) -> str:
        return template.render(params, self._connection.literal)

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


def _chunks(groups: list[str]) -> list[list[str]]:
    """Cut rendered rows into runs of at most `CHUNK_BYTES`, counting four bytes per character at worst."""
    chunks: list[list[str]] = []
    room = 0
    for group in groups:
        size = len(group) if group.isascii() else len(group.encode())
        if size > room or not chunks:
            chunks.append([])
            room = CHUNK_BYTES
        chunks[-1].append(group)
        room -= size + 1
    return chunks
