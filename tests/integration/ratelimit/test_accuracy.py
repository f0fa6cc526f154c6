"""Limits over real processes that share a Redis stay within their bounds. `make accuracy` runs every case."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.ratelimit_accuracy.__main__ import run
from benchmarks.ratelimit_accuracy.cases import few, spread
from benchmarks.ratelimit_accuracy.drive import GAP_SECONDS, PACED_REQUESTS
from tests.support.redis import RedisServer

pytestmark = pytest.mark.integration


async def test_what_is_admitted_is_within_the_bounds(own_redis_server: RedisServer) -> None:
    own_redis_server.start()
    outcomes = await asyncio.to_thread(run, few(), own_redis_server.url, paced=True)
    assert [each for each in outcomes if not each.within] == []
    assert all(each.asked == each.case.total for each in outcomes if not each.case.free)


def test_the_pause_makes_nothing_easier_than_it_is() -> None:
    """By their own times, requests of paced cases are much further apart than the driver leaves between them."""
    paced = [case for case in (*spread(), *few()) if not case.free and case.total <= PACED_REQUESTS]
    assert len(paced) > 20
    assert all(1 / case.per_second >= 20 * GAP_SECONDS for case in paced)
