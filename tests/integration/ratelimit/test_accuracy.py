"""Limits over real processes that share a Redis stay within their bounds. `make accuracy` runs every case."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.ratelimit_accuracy.__main__ import run
from benchmarks.ratelimit_accuracy.cases import few
from tests.support.redis import RedisServer

pytestmark = pytest.mark.integration


async def test_what_is_admitted_is_within_the_bounds(own_redis_server: RedisServer) -> None:
    own_redis_server.start()
    outcomes = await asyncio.to_thread(run, few(), own_redis_server.url)
    assert [each for each in outcomes if not each.within] == []
    assert all(each.asked == each.case.total for each in outcomes if not each.case.free)
