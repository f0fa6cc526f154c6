"""Times as operators write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from unkey_api.cli.text import instant, parse_instant, parse_span

NOW = 1_800_000_000_000
DAY = 86_400_000


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("90m", timedelta(minutes=90)),
        ("0", timedelta()),
        ("36500d", timedelta(days=36_500)),
    ],
)
def test_length_of_time_is_read(text: str, span: timedelta) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "d", "30", "-1h", "1h1d", "36501d", "9999999d", "9" * 400 + "h", "1 h", "٣d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write for instance 30d"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("30d", NOW + 30 * DAY),
        ("2027-01-31", 1_801_353_600_000),
        ("2027-01-31T12:00:00Z", 1_801_396_800_000),
        ("2027-01-31t12:00:00.250z", 1_801_396_800_250),
        ("2027-01-31T12:00:00+02:00", 1_801_389_600_000),
        ("9999-12-31", 253_402_214_400_000),
    ],
)
def test_instant_is_read(text: str, ms: int) -> None:
    assert parse_instant(text, NOW) == ms


@pytest.mark.parametrize(
    "text", ["", "soon", "2027-02-30", "2027-01-31T12:00:00", "2027-1-31", "2027-W05", "1800000000000", "36501d"]
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    """A time of day without a zone is: nobody knows which one was meant."""
    with pytest.raises(ValueError, match="2027-01-31T12:00:00Z"):
        parse_instant(text, NOW)


def test_instants_are_shown_in_utc() -> None:
    assert instant(1_801_396_800_250) == "2027-01-31T12:00:00Z"
    assert instant(253_402_300_799_999) == "9999-12-31T23:59:59Z"
    assert instant(None) == "never"
