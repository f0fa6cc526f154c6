"""The timing header."""

from __future__ import annotations

import pytest

from unkey_api.infra.caching.swr import Freshness
from unkey_api.rpc.observers.reports import CacheTiming
from unkey_api.rpc.request_state import RequestState, enter


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1e-9, b"1ns"),
        (999e-9, b"999ns"),
        (1e-6, b"1us"),
        (1.5e-6, b"1.5us"),
        (0.001, b"1ms"),
        (0.0123456, b"12.346ms"),
        (1.0, b"1s"),
        (90.25, b"90.25s"),
        (100.0, b"100s"),
    ],
)
async def test_line_names_cache_status_and_time_in_the_largest_fitting_unit(seconds: float, text: bytes) -> None:
    state = RequestState({"method": "POST", "path": "/"}, request_id="req_1", started_ms=0, started_at=0.0)
    enter(state)
    CacheTiming().cache_read("some_cache", Freshness.MISS, seconds)
    assert state.response_headers == [(b"x-unkey-timing", b"cache_get{cache=some_cache,status=miss}=" + text)]
