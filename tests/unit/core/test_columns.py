"""Instants in columns."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from unkey_api.core.columns import UnixMs, from_datetime, to_datetime

LAST = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)


@pytest.mark.parametrize("instant", [0, 1, 1_750_000_000_123, 253_402_300_799_999])
def test_an_instant_comes_back(instant: int) -> None:
    assert from_datetime(to_datetime(UnixMs(instant))) == instant


@pytest.mark.parametrize("instant", [253_402_300_800_000, 2**63 - 1])
def test_what_no_column_can_hold_becomes_the_last_instant(instant: int) -> None:
    assert to_datetime(UnixMs(instant)) == LAST
