"""Writing a batch: one encoding, one token, a few tries, a report."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from tests.support.clock import FixedClock
from tests.support.waiting import eventually
from unkey_api.infra.batching.batcher import Block, FlushReason, Offer
from unkey_api.infra.batching.encoding import BLOCK_BYTES, WEIGHT_TOGETHER, EncodingSink
from unkey_api.infra.clickhouse.client import ClickHouseRefused, ClickHouseUnavailable
from unkey_api.infra.clickhouse.rows import ApiRequestRow, KeyVerificationRow, RatelimitRow
from unkey_api.infra.clickhouse.writer import (
    API_REQUESTS,
    KEY_VERIFICATIONS,
    RATELIMITS,
    FlushOutcome,
    FlushReport,
    TableWriter,
    encode_row,
)
from unkey_api.infra.resilience.breaker import BreakerPolicy, CircuitBreaker

AWAY = ClickHouseUnavailable("away", internal="clickhouse: away")


def row(number: int = 1, identifier: str = "user") -> RatelimitRow:
    return RatelimitRow(
        request_id=f"req_{number}",
        time=5,
        workspace_id="ws_1",
        namespace_id="rlns_1",
        identifier=identifier,
        passed=True,
        latency=0.5,
        override_id="",
        limit=10,
        remaining=9,
        reset_at=6,
        tokens=1,
    )


def block(*rows: RatelimitRow) -> list[Block]:
    """Return a batch of one block."""
    return [Block(len(rows), b"".join(encode_row(each) + b"\n" for each in rows))]


class Inserts:
    """Answers inserts as told, and remembers them."""

    def __init__(self, *answers: Exception | None) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self._answers = list(answers)

    async def insert(self, statement: str, body: Sequence[bytes]) -> None:
        self.seen.append((statement, b"".join(body)))
        answer = self._answers.pop(0) if self._answers else None
        if answer:
            raise answer


class Pauses:
    """Waits for nothing and remembers how long it should have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def write(
    inserts: Inserts,
    *,
    guard: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]] | None = None,
) -> tuple[list[FlushReport], list[float]]:
    reports: list[FlushReport] = []
    pauses = Pauses()
    writer = TableWriter(inserts, RATELIMITS, report=reports.append, pause=pauses)
    if guard:
        writer = TableWriter(inserts, RATELIMITS, report=reports.append, pause=pauses, guard=guard)
    await writer(block(row()), FlushReason.SIZE_LIMIT)
    return reports, pauses.seconds


async def test_a_batch_is_one_insert_with_named_columns_and_the_settings() -> None:
    inserts = Inserts()
    reports, pauses = await write(inserts)
    [(statement, body)] = inserts.seen
    assert statement.startswith("INSERT INTO ratelimits_raw_v2 (`request_id`, `time`, `workspace_id`, `namespace_id`, ")
    assert "async_insert=1, wait_for_async_insert=1, async_insert_deduplicate=1" in statement
    assert "insert_deduplication_token='" in statement
    assert statement.endswith(" FORMAT JSONCompactEachRow")
    assert json.loads(body) == list(row())
    assert (reports[0].outcome, reports[0].rows, reports[0].attempts) == (FlushOutcome.WRITTEN, 1, 1)
    assert reports[0].reason is FlushReason.SIZE_LIMIT
    assert pauses == []


async def test_every_try_sends_the_same_batch_under_the_same_token() -> None:
    inserts = Inserts(AWAY, AWAY)
    reports, pauses = await write(inserts)
    assert len(inserts.seen) == 3
    assert len(set(inserts.seen)) == 1
    assert pauses == [1, 2]
    assert (reports[0].outcome, reports[0].attempts) == (FlushOutcome.WRITTEN, 3)


async def test_different_batches_have_different_tokens() -> None:
    inserts = Inserts()
    writer = TableWriter(inserts, RATELIMITS, report=lambda _: None)
    await writer(block(row(1)), FlushReason.CLOSE)
    await writer(block(row(2)), FlushReason.CLOSE)
    assert inserts.seen[0][0] != inserts.seen[1][0]


async def test_after_five_tries_the_batch_is_given_up_and_reported() -> None:
    inserts = Inserts(*[ClickHouseRefused("Code: 60. DB::Exception: no table (UNKNOWN_TABLE)")] * 5)
    reports, pauses = await write(inserts)
    assert len(inserts.seen) == 5
    assert pauses == [1, 2, 4, 8]
    assert reports[0].outcome is FlushOutcome.LOST
    assert "UNKNOWN_TABLE" in reports[0].error


async def test_what_an_open_breaker_refuses_is_no_try_and_spares_the_store() -> None:
    """Otherwise batches would be given up for nothing while a store that is back is not even asked."""
    clock = FixedClock()
    breaker = CircuitBreaker(
        "inserts", clock, policy=BreakerPolicy(trip_failures=2, open_for=timedelta(seconds=10), trial_calls=1)
    )
    inserts, reports = Inserts(AWAY, AWAY), list[FlushReport]()
    looks = 0

    async def pause(seconds: float) -> None:
        nonlocal looks
        looks += 1
        clock.advance(int(seconds * 1000))

    await TableWriter(inserts, RATELIMITS, report=reports.append, guard=breaker.call, pause=pause)(
        block(row()), FlushReason.CLOSE
    )
    assert looks > 10
    assert len(inserts.seen) == 3
    assert (reports[0].outcome, reports[0].attempts) == (FlushOutcome.WRITTEN, 3)


async def test_a_cancellation_is_no_failure_to_try_again() -> None:
    class Hanging:
        async def insert(self, statement: str, body: Sequence[bytes]) -> None:
            raise asyncio.CancelledError

    reports: list[FlushReport] = []
    with pytest.raises(asyncio.CancelledError):
        await TableWriter(Hanging(), RATELIMITS, report=reports.append)(block(row()), FlushReason.CLOSE)
    assert reports == []


async def test_a_lone_surrogate_costs_a_character_and_not_the_batch() -> None:
    assert json.loads(encode_row(row(2, "\udc80x")))[4] == "?x"


def raising(error: Exception) -> None:
    raise error


class Blocks:
    """Remembers blocks."""

    def __init__(self) -> None:
        self.seen: list[Block] = []

    def add(self, block: Block, /) -> Offer:
        self.seen.append(block)
        return Offer.BUFFERED

    @property
    def rows(self) -> list[int]:
        return [block.rows for block in self.seen]


async def test_rows_are_encoded_some_at_a_time_or_when_time_is_up() -> None:
    blocks = Blocks()
    sink: EncodingSink[RatelimitRow] = EncodingSink(blocks, encode_row, on_error=raising, together=2)
    sink.add(row(1))
    assert blocks.rows == []
    sink.add(row(2))
    assert blocks.rows == [2]
    sink.add(row(3))
    await eventually(lambda: blocks.rows == [2, 1])
    sink.add(row(4))
    sink.flush()
    lines = b"".join(block.data for block in blocks.seen).splitlines()
    assert [json.loads(line)[0] for line in lines] == ["req_1", "req_2", "req_3", "req_4"]


async def test_heavy_items_are_encoded_at_once_whatever_their_number() -> None:
    blocks = Blocks()
    sink: EncodingSink[bytes] = EncodingSink(blocks, bytes, on_error=raising, weigh=len)
    sink.add(b"x" * WEIGHT_TOGETHER)
    assert blocks.rows == [1]
    sink.add(b"x" * (WEIGHT_TOGETHER // 2))
    assert blocks.rows == [1]
    sink.add(b"x" * (WEIGHT_TOGETHER // 2))
    assert blocks.rows == [1, 2]


async def test_row_that_cannot_be_encoded_costs_itself_only() -> None:
    def encode(number: int) -> bytes:
        if number == 2:
            raise ValueError(f"no {number}")
        return b"%d" % number

    blocks, errors = Blocks(), list[Exception]()
    sink: EncodingSink[int] = EncodingSink(blocks, encode, on_error=errors.append, together=3)
    offers = [sink.add(number) for number in (1, 2, 3)]
    assert offers == [Offer.BUFFERED] * 3
    assert [block.data for block in blocks.seen] == [b"1\n3\n"]
    assert ([str(error) for error in errors], sink.failed) == (["no 2"], 1)


async def test_large_rows_make_blocks_of_few() -> None:
    blocks = Blocks()
    sink: EncodingSink[RatelimitRow] = EncodingSink(blocks, encode_row, on_error=raising)
    for number in range(5):
        sink.add(row(number, "x" * (BLOCK_BYTES // 2)))
    sink.flush()
    assert blocks.rows == [2, 2, 1]


def test_columns_are_the_fields_of_the_rows() -> None:
    assert API_REQUESTS.columns == ApiRequestRow._fields
    assert KEY_VERIFICATIONS.columns == KeyVerificationRow._fields
    assert RATELIMITS.columns == RatelimitRow._fields
