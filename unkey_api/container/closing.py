"""How the time for closing is shared out, so that what is away at the end does not take the others' share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Graces:
    """Seconds each step of closing may take, in the order in which they happen; together less than the budget."""

    counters: float
    """Spends still to be told to Redis."""
    credits: float
    """Spent credits still to be written to MySQL."""
    rows: float
    """Rows still to be written to ClickHouse."""
    writes: timedelta
    """Transactions still under way."""
    spans: float
    """Spans still to be sent to the collector."""


def graces(budget: timedelta) -> Graces:
    """Share out the budget for closing."""
    seconds = budget.total_seconds()
    return Graces(
        counters=min(5.0, 0.1 * seconds),
        credits=min(30.0, 0.3 * seconds),
        rows=0.3 * seconds,
        writes=min(timedelta(seconds=10), 0.1 * budget),
        spans=min(3.0, 0.1 * seconds),
    )


@asynccontextmanager
async def leaving_together(contexts: Sequence[AbstractAsyncContextManager[None]]) -> AsyncIterator[None]:
    """Enter one after the other, leave all at once: each may take its grace, all of them take no longer."""
    entered: list[AbstractAsyncContextManager[None]] = []
    try:
        for context in contexts:
            await context.__aenter__()
            entered.append(context)
        yield
    finally:
        await asyncio.gather(*(context.__aexit__(None, None, None) for context in entered))
