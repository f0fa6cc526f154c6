"""Write batches of event rows: whole batches, a few tries, then give up and say so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import orjson

from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.batching.batcher import Block, FlushReason
from unkey_api.infra.clickhouse.client import ClickHouseRefused, Pause
from unkey_api.infra.clickhouse.rows import ApiRequestRow, KeyVerificationRow, RatelimitRow
from unkey_api.infra.resilience.breaker import NotAttempted

Row = TypeVar("Row", bound=NamedTuple)

ATTEMPTS = 5
REFUSED_PAUSE_SECONDS = 0.5  # between looks at a guard that refuses
INSERT_SETTINGS = "async_insert=1, wait_for_async_insert=1, async_insert_deduplicate=1"


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    """A table and the row type that is written to it; the row's fields are the columns."""

    name: str
    """Without the database: that comes with the connection."""
    row: type[Row]

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in the order of the row's fields."""
        return self.row._fields


API_REQUESTS = Table("api_requests_raw_v2", ApiRequestRow)
KEY_VERIFICATIONS = Table("key_verifications_raw_v2", KeyVerificationRow)
RATELIMITS = Table("ratelimits_raw_v2", RatelimitRow)


class FlushOutcome(StrEnum):
    """How a batch ended."""

    WRITTEN = "written"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushReport:
    """What happened to one batch; the container turns it into a metric and, when rows were lost, a log line."""

    table: str
    rows: int
    reason: FlushReason
    outcome: FlushOutcome
    attempts: int
    error: str = ""
    """Text of the last failure; empty when the batch was written."""


Guard = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
"""Runs one attempt and passes its exception on, or refuses with `NotAttempted`: `CircuitBreaker.call`."""


async def unguarded(call: Callable[[], Awaitable[None]], /) -> None:
    """Run `call`, for programs that write a handful of batches."""
    await call()


class Inserter(Protocol):
    """Where batches go: a `ClickHouseClient`."""

    async def insert(self, statement: str, body: Sequence[bytes]) -> None:
        """Write the pieces of `body`, all or nothing. Raises `ClickHouseRefused` or `ClickHouseUnavailable`."""
        ...


class TableWriter:
    """Write batches to one table. An instance is the flush function of a `Batcher`; it never raises for the store."""

    def __init__(
        self,
        client: Inserter,
        table: Table[Any],  # rows of any kind, encoded already
        *,
        report: Callable[[FlushReport], None],
        guard: Guard = unguarded,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._report = report
        self._guard = guard
        self._pause = pause

    async def __call__(self, blocks: Sequence[Block], reason: FlushReason) -> None:
        """Write blocks of encoded rows in one insert, trying up to five times, 1, 2, 4 and 8 seconds apart.

        Every try carries the same deduplication token, so that a try whose answer got lost does not count twice. What
        the guard refuses is no try: the batch waits.
        """
        body = [block.data for block in blocks]
        rows = sum(block.rows for block in blocks)
        # Rows have ids of their own, so the ends of a batch tell it from every other; the whole of it is megabytes.
        token = blake2b(b"%b%b%d" % (body[0], body[-1], rows), digest_size=16).hexdigest()
        statement = insert_statement(self._table, token)
        error, attempt = "", 0
        while attempt < ATTEMPTS:
            try:
                await self._guard(lambda: self._client.insert(statement, body))
            except NotAttempted:
                await self._pause(REFUSED_PAUSE_SECONDS)
                continue
            except (ClickHouseRefused, ServiceUnavailable) as failure:
                error = str(failure) or repr(failure)
            else:
                self._done(rows, reason, FlushOutcome.WRITTEN, attempt + 1)
                return
            attempt += 1
            if attempt < ATTEMPTS:
                await self._pause(2 ** (attempt - 1))
        self._done(rows, reason, FlushOutcome.LOST, ATTEMPTS, error)

    def _done(self, rows: int, reason: FlushReason, outcome: FlushOutcome, attempts: int, error: str = "") -> None:
        self._report(
            FlushReport(
                table=self._table.name,
                rows=rows,
                reason=reason,
                outcome=outcome,
                attempts=attempts,
                error=error,
            )
        )


def insert_statement(table: Table[Any], token: str) -> str:
    """Return the INSERT for a body made of rows by `encode_row`; `token` is hexadecimal."""
    columns = ", ".join(f"`{column}`" for column in table.columns)
    return (
        f"INSERT INTO {table.name} ({columns}) "
        f"SETTINGS {INSERT_SETTINGS}, insert_deduplication_token='{token}' FORMAT JSONCompactEachRow"
    )


def encode_row(row: NamedTuple) -> bytes:
    """Return the row in JSONCompactEachRow: an array of its column values.

    Text that is no valid Unicode (a lone surrogate) must not cost the whole batch.
    """
    try:
        return orjson.dumps(tuple(row))
    except TypeError:
        return json.dumps(tuple(row), ensure_ascii=False).encode("utf-8", "replace")
