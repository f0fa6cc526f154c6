"""Trying again with fresh ids."""

from __future__ import annotations

import pytest

from unkey_api.areas.parts import with_fresh_ids
from unkey_api.infra.mysql import DuplicateKey, StoreUnavailable


class Pauses:
    """Remembers instead of sleeping."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(round(seconds, 3))


async def test_refused_ids_are_drawn_again_after_growing_pauses() -> None:
    pauses, refusals = Pauses(), [DuplicateKey("keys_id_unique")] * 3

    async def attempt() -> str:
        if refusals:
            raise refusals.pop()
        return "done"

    assert await with_fresh_ids(attempt, pauses) == "done"
    assert pauses.seconds == [0.1, 0.2, 0.3]


async def test_five_refusals_are_passed_on() -> None:
    pauses, calls = Pauses(), []

    async def attempt() -> None:
        calls.append(1)
        raise DuplicateKey("keys_id_unique")

    with pytest.raises(DuplicateKey):
        await with_fresh_ids(attempt, pauses)
    assert (len(calls), pauses.seconds) == (5, [0.1, 0.2, 0.3, 0.4])


async def test_other_failures_are_passed_on_at_once() -> None:
    pauses = Pauses()

    async def attempt() -> None:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await with_fresh_ids(attempt, pauses)
    assert pauses.seconds == []
