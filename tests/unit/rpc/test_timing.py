"""The timing header."""

from __future__ import annotations

import pytest

from unkey_api.infra.caching.swr import Freshness
from unkey_api.rpc.timing import CacheTiming, duration_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1e-9, "1ns"),
        (999e-9, "999ns"),
        (1e-6, "1us"),
        (1.5e-6, "1.5us"),
        (0.001, "1ms"),
        (0.0123456, "12.346ms"),
        (1.0, "1s"),
        (90.25, "90.25s"),
        (100.0, "100s"),
    ],
)
def test_largest_unit_with_a_value_of_at_least_one(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_read_outside_of_a_request_is_nothing() -> None:
    CacheTiming().cache_read("some_cache", Freshness.MISS, 0.1)
