"""The outbox table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unkey_api.core.columns import UnixMs
from unkey_api.infra.mysql import WriteConn, column_values, load_statement

_INSERT = load_statement(__package__, "clickhouse_outbox_insert")


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One entry to deliver."""

    version: str
    workspace_id: str
    event_id: str
    payload: str
    """JSON text."""
    created_at: UnixMs


_VALUES = column_values(OutboxRow)


async def insert_outbox(tx: WriteConn, rows: Iterable[OutboxRow]) -> None:
    """Insert all rows with one statement, or with few when there are very many."""
    await tx.execute_many(_INSERT, map(_VALUES, rows))
