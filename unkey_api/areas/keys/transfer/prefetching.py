"""Reading and parsing ahead, while the database works on what was parsed before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from itertools import islice

from unkey_api.areas.keys.transfer.parsing import parse
from unkey_api.areas.keys.transfer.types import ImportRecord, RawRecord, Rejected, Rejection, Target

BREATH_RECORDS = 50  # parsed at a stretch, about half a millisecond; then answers of the database get their turn


@dataclass(frozen=True, slots=True)
class ParsedRecords:
    """Some records of a file, in its order."""

    last: int
    """Number of the last of them."""
    records: list[ImportRecord]
    rejections: list[Rejection]
    """Those that cannot be imported whatever the database holds."""


async def parsed_batches(
    records: Iterator[RawRecord], target: Target, count: int
) -> AsyncGenerator[ParsedRecords, None]:
    """Yield the records, `count` at a time and parsed, one batch ahead of the caller. Close it when leaving early.

    Raises:
        TransferRefused: The file cannot be read on; everything before was yielded in whole batches.
    """
    ahead = asyncio.create_task(_parse_some(records, target, count))
    try:
        while (parsed := await ahead) is not None:
            ahead = asyncio.create_task(_parse_some(records, target, count))
            yield parsed
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


async def _parse_some(records: Iterator[RawRecord], target: Target, count: int) -> ParsedRecords | None:
    """Return the next records, or None after the last."""
    fit: list[ImportRecord] = []
    rejections: list[Rejection] = []
    raw: RawRecord | None = None
    for index, raw in enumerate(islice(records, count), start=1):
        try:
            fit.append(parse(raw, target))
        except Rejected as err:
            # Without the hash: what cannot be read as one may be a secret in the wrong column.
            rejections.append(Rejection(raw.line, str(err)))
        if index % BREATH_RECORDS == 0:
            await asyncio.sleep(0)
    return None if raw is None else ParsedRecords(raw.number, fit, rejections)
