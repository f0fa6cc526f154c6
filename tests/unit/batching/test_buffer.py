"""The bounded buffer."""

from __future__ import annotations

import pytest

from unkey_api.infra.batching.buffer import Buffer, Offer


def test_rows_come_out_in_the_order_they_went_in() -> None:
    buffer: Buffer[int] = Buffer(3)
    assert [buffer.offer(row) for row in (1, 2, 3)] == [Offer.BUFFERED] * 3
    assert buffer.take(2) == [1, 2]
    assert buffer.take(2) == [3]
    assert buffer.take(2) == []


def test_a_full_buffer_drops_the_newest_row_and_keeps_the_rest() -> None:
    buffer: Buffer[int] = Buffer(2)
    buffer.offer(1)
    buffer.offer(2)
    assert buffer.offer(3) is Offer.DROPPED
    assert buffer.take(10) == [1, 2]
    assert buffer.offer(4) is Offer.BUFFERED


def test_a_closed_buffer_refuses_rows_but_gives_out_what_it_holds() -> None:
    buffer: Buffer[int] = Buffer(2)
    buffer.offer(1)
    buffer.close()
    buffer.close()
    assert buffer.closed
    assert buffer.offer(2) is Offer.CLOSED
    assert buffer.take(10) == [1]


def test_a_closed_buffer_says_closed_even_when_it_is_full() -> None:
    buffer: Buffer[int] = Buffer(1)
    buffer.offer(1)
    buffer.close()
    assert buffer.offer(2) is Offer.CLOSED


def test_a_buffer_without_room_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        Buffer(0)
