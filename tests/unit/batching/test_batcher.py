"""Batches: when they go, and that no accepted row is lost or written twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.support.waiting import eventually
from unkey_api.infra.batching.batcher import Batcher, BatchPolicy, Block, FlushReason, NullSink, Offer

NEVER = timedelta(hours=1)
SOON = timedelta(milliseconds=5)


def block(*rows: int) -> Block:
    """Return rows of two bytes each, which tell their numbers."""
    return Block(len(rows), b"".join(row.to_bytes(2) for row in rows))


def rows_of(blocks: Sequence[Block]) -> list[int]:
    data = b"".join(block.data for block in blocks)
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


class Recorder:
    """A flush function that remembers, and that can be held up."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[int], FlushReason]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = 0

    async def __call__(self, blocks: Sequence[Block], reason: FlushReason) -> None:
        self.waiting += 1
        await self.open.wait()
        self.waiting -= 1
        self.batches.append((rows_of(blocks), reason))

    @property
    def rows(self) -> list[int]:
        return [row for rows, _ in self.batches for row in rows]


def one_consumer(*, size: int = 100, capacity: int = 20_000, every: timedelta = NEVER) -> BatchPolicy:
    return BatchPolicy(batch_size=size, capacity=capacity, flush_every=every, consumers=1)


async def test_full_batches_go_without_waiting_for_the_interval() -> None:
    recorder = Recorder()
    batcher = Batcher("rows", recorder, one_consumer(size=100))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batcher.run())
        for row in range(1000):
            batcher.add(block(row))
        await eventually(lambda: len(recorder.batches) == 10)
        batcher.close()
    assert [len(rows) for rows, _ in recorder.batches] == [100] * 10
    assert {reason for _, reason in recorder.batches} == {FlushReason.SIZE_LIMIT}
    assert recorder.rows == list(range(1000))


async def test_fewer_rows_go_in_one_batch_when_the_interval_ends() -> None:
    recorder = Recorder()
    batcher = Batcher("rows", recorder, one_consumer(every=SOON))
    for row in range(7):
        batcher.add(block(row))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batcher.run())
        await eventually(lambda: len(recorder.batches) == 1)
        batcher.close()
    assert recorder.batches == [(list(range(7)), FlushReason.TIME_INTERVAL)]


async def test_an_interval_without_rows_writes_nothing() -> None:
    recorder = Recorder()
    batcher = Batcher("rows", recorder, one_consumer(every=timedelta(0)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batcher.run())
        for _ in range(50):
            await asyncio.sleep(0)
        assert recorder.batches == []
        batcher.add(block(1))
        await eventually(lambda: recorder.rows == [1])
        batcher.close()
    assert len(recorder.batches) == 1


async def test_close_writes_the_rest_exactly_once_before_run_returns() -> None:
    recorder = Recorder()
    batcher = Batcher("rows", recorder, BatchPolicy(batch_size=10, capacity=100, flush_every=NEVER, consumers=2))
    for row in range(35):
        batcher.add(block(row))
    batcher.close()
    batcher.close()
    await batcher.run()
    assert sorted(recorder.rows) == list(range(35))
    assert recorder.batches[-1][1] is FlushReason.CLOSE
    assert all(len(rows) <= 10 for rows, _ in recorder.batches)


async def test_close_waits_for_the_batch_being_written() -> None:
    recorder = Recorder()
    recorder.open.clear()
    batcher = Batcher("rows", recorder, one_consumer(size=1))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(batcher.run())
        batcher.add(block(1))
        await eventually(lambda: recorder.waiting == 1)
        batcher.close()
        await asyncio.sleep(0)
        assert not running.done()
        recorder.open.set()
    assert recorder.rows == [1]


async def test_a_full_buffer_drops_and_counts_instead_of_waiting() -> None:
    recorder = Recorder()
    batcher = Batcher("rows", recorder, one_consumer(size=10, capacity=20))
    offers = [batcher.add(block(row)) for row in range(25)]
    assert offers == [Offer.BUFFERED] * 20 + [Offer.DROPPED] * 5
    assert batcher.dropped == 5
    assert len(batcher) == 20
    batcher.close()
    assert batcher.add(block(99)) is Offer.CLOSED
    assert batcher.refused == 1
    await batcher.run()
    assert recorder.rows == list(range(20))


async def test_a_batch_is_full_when_its_bytes_are_reached() -> None:
    """Rows with large bodies: a batch of ten thousand of them would not fit into memory."""
    recorder = Recorder()
    policy = BatchPolicy(batch_bytes=16, flush_every=NEVER, consumers=1)
    batcher = Batcher("rows", recorder, policy)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batcher.run())
        for row in range(0, 40, 4):
            batcher.add(block(row, row + 1, row + 2, row + 3))
        await eventually(lambda: len(recorder.rows) == 40)
        batcher.close()
    assert [len(rows) for rows, _ in recorder.batches] == [8] * 5
    assert recorder.rows == list(range(40))


async def test_what_is_dropped_is_counted_in_rows() -> None:
    batcher = Batcher("rows", Recorder(), BatchPolicy(capacity_bytes=10))
    assert batcher.add(block(1, 2, 3)) is Offer.BUFFERED
    assert batcher.add(block(4, 5, 6)) is Offer.DROPPED
    assert batcher.add(block(7, 8)) is Offer.BUFFERED
    assert (len(batcher), batcher.dropped) == (5, 3)
    batcher.close()
    assert batcher.add(block(1, 2)) is Offer.CLOSED
    assert batcher.refused == 2


async def test_a_consumer_stuck_in_a_retry_does_not_stop_the_other() -> None:
    recorder = Recorder()
    stuck = asyncio.Event()

    async def flush(blocks: Sequence[Block], reason: FlushReason) -> None:
        if 0 in rows_of(blocks):
            await stuck.wait()
        await recorder(blocks, reason)

    batcher = Batcher("rows", flush, BatchPolicy(batch_size=1, capacity=100, flush_every=NEVER, consumers=2))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batcher.run())
        for row in range(5):
            batcher.add(block(row))
        await eventually(lambda: len(recorder.rows) == 4)
        stuck.set()
        batcher.close()
    assert sorted(recorder.rows) == list(range(5))


async def test_being_woken_for_nothing_does_not_prolong_the_interval() -> None:
    """The other consumer may have taken the batch; a row that is left must still go on time."""
    recorder = Recorder()
    batcher = Batcher("rows", recorder, BatchPolicy(batch_size=2, capacity=9, flush_every=SOON, consumers=2))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batcher.run())
        await asyncio.sleep(0)
        for row in range(3):
            batcher.add(block(row))
        await eventually(lambda: len(recorder.rows) == 3)
        batcher.close()
    assert recorder.batches[0] == ([0, 1], FlushReason.SIZE_LIMIT)
    assert recorder.batches[1] == ([2], FlushReason.TIME_INTERVAL)


async def test_a_flush_that_raises_ends_the_run() -> None:
    async def flush(blocks: Sequence[Block], reason: FlushReason) -> None:
        raise RuntimeError("bug")

    batcher = Batcher("rows", flush, one_consumer(size=1))
    batcher.add(block(1))
    with pytest.raises(ExceptionGroup) as caught:
        await batcher.run()
    assert isinstance(caught.value.exceptions[0], RuntimeError)


def test_without_clickhouse_rows_vanish() -> None:
    sink: NullSink[int] = NullSink()
    assert sink.add(1) is Offer.BUFFERED
