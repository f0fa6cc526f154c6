"""Reading ClickHouse's error texts."""

from __future__ import annotations

import pytest

from unkey_api.infra.clickhouse.client import ClickHouseRefused


def test_number_and_name() -> None:
    error = ClickHouseRefused("Code: 60. DB::Exception: Unknown table (it seems). (UNKNOWN_TABLE) (version 26.9.2.1)")
    assert (error.number, error.name, error.is_authentication) == (60, "UNKNOWN_TABLE", False)


def test_a_text_that_is_none_of_clickhouses() -> None:
    error = ClickHouseRefused("502 Bad Gateway")
    assert (error.number, error.name) == (0, "")


@pytest.mark.parametrize(
    "text",
    [
        "Code: 516. DB::Exception: default: Authentication failed",
        "Code: 497. DB::Exception: Not enough privileges",
        "401 Unauthorized",
        "Access denied",
    ],
)
def test_wrong_credentials_are_recognised(text: str) -> None:
    assert ClickHouseRefused(text).is_authentication
