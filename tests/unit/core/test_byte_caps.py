"""Caps on value sizes."""

from __future__ import annotations

import pytest

from unkey_api.core.errors import InvalidInput
from unkey_api.core.text import human_bytes, require_bytes_at_most


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (9, "9 B"),
        (10, "10 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_049, "1.0 kB"),
        (1_050, "1.1 kB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (10_500, "10 kB"),
        (16_384, "16 kB"),
        (16_600, "17 kB"),
        (1_000_000, "1.0 MB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_counts_are_shown_in_steps_of_a_thousand(count: int, shown: str) -> None:
    assert human_bytes(count) == shown


def test_size_is_counted_in_utf8_bytes() -> None:
    require_bytes_at_most("Value", "é" * 5, cap=10)
    with pytest.raises(InvalidInput) as caught:
        require_bytes_at_most("Value", "é" * 6, cap=10)
    assert caught.value.public == "Value is too large: it must be at most 10 B, but is 12 B."
