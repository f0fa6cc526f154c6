"""Refusals that come late."""

from __future__ import annotations

import asyncio

from tests.support.waiting import settle
from unkey_api.auth.guessing import Tarpit

LONG = 3_600.0


def waiting(tarpit: Tarpit, party: str, times: int) -> list[asyncio.Task[bool]]:
    return [asyncio.ensure_future(tarpit.hold(party)) for _ in range(times)]


async def test_so_many_of_a_party_wait_and_one_more_does_not() -> None:
    tarpit = Tarpit(seconds=LONG, per_party=2, in_all=10)
    held = [*waiting(tarpit, "a", 2), *waiting(tarpit, "b", 2)]
    await settle()
    assert tarpit.held == 4
    assert await tarpit.hold("a") is False
    assert not any(each.done() for each in held)
    tarpit.close()
    assert await asyncio.gather(*held) == [True] * 4
    assert tarpit.held == 0


async def test_so_many_wait_in_all() -> None:
    tarpit = Tarpit(seconds=LONG, per_party=2, in_all=3)
    held = [*waiting(tarpit, "a", 2), *waiting(tarpit, "b", 1)]
    await settle()
    assert await tarpit.hold("c") is False
    held[0].cancel()
    await settle()
    held += waiting(tarpit, "c", 1)
    await settle()
    assert not held[-1].done(), "there is room again"
    tarpit.close()
    assert (await asyncio.gather(*held, return_exceptions=True))[1:] == [True] * 3


async def test_it_ends_by_itself() -> None:
    assert await Tarpit(seconds=0.001, per_party=1, in_all=1).hold("a") is True


async def test_nobody_waits_once_it_is_closed_or_off() -> None:
    closed = Tarpit(seconds=LONG, per_party=1, in_all=1)
    closed.close()
    assert await closed.hold("a") is False
    assert await Tarpit(seconds=0, per_party=1, in_all=1).hold("a") is False
