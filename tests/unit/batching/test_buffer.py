"""The bounded buffer."""

from __future__ import annotations

import pytest

from unkey_api.infra.batching.batcher import Block, Buffer, Offer

A, B, C = Block(1, b"a"), Block(1, b"b"), Block(1, b"c")
THREE = Block(3, b"x" * 30)


def buffer(*, rows: int = 100, size: int = 100) -> Buffer:
    return Buffer(rows=rows, size=size)


def test_rows_come_out_in_the_order_they_went_in() -> None:
    some = buffer(rows=3)
    assert [some.offer(block) for block in (A, B, C)] == [Offer.BUFFERED] * 3
    assert some.take(rows=2, size=100) == [A, B]
    assert some.take(rows=2, size=100) == [C]
    assert some.take(rows=2, size=100) == []


def test_a_full_buffer_drops_the_newest_rows_and_keeps_the_rest() -> None:
    some = buffer(rows=4)
    some.offer(THREE)
    assert some.offer(THREE) is Offer.DROPPED
    assert some.offer(A) is Offer.BUFFERED
    assert some.offer(B) is Offer.DROPPED
    assert len(some) == 4
    assert some.take(rows=10, size=100) == [THREE, A]
    assert (len(some), some.size) == (0, 0)
    assert some.offer(B) is Offer.BUFFERED


def test_few_large_rows_fill_it_too() -> None:
    some = buffer(size=50)
    assert some.offer(THREE) is Offer.BUFFERED
    assert some.offer(THREE) is Offer.DROPPED
    assert (len(some), some.size) == (3, 30)


def test_what_is_taken_has_both_its_limits() -> None:
    some = buffer()
    for block in (THREE, THREE, THREE):
        some.offer(block)
    assert some.take(rows=5, size=100) == [THREE]
    assert some.take(rows=100, size=59) == [THREE]
    assert some.take(rows=1, size=1) == [THREE], "or it would stay for ever"


def test_a_closed_buffer_refuses_rows_but_gives_out_what_it_holds() -> None:
    some = buffer()
    some.offer(A)
    some.close()
    some.close()
    assert some.closed
    assert some.offer(B) is Offer.CLOSED
    assert some.take(rows=10, size=100) == [A]


def test_a_closed_buffer_says_closed_even_when_it_is_full() -> None:
    some = buffer(rows=1)
    some.offer(A)
    some.close()
    assert some.offer(B) is Offer.CLOSED


@pytest.mark.parametrize(("rows", "size"), [(0, 1), (1, 0)])
def test_a_buffer_without_room_is_a_mistake(rows: int, size: int) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        Buffer(rows=rows, size=size)
