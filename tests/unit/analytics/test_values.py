"""ClickHouse's answers as rows, apart from a server."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest

from unkey_api.areas.analytics.errors import AnalyticsUnavailable, InvalidQuery, TooMuchMemory
from unkey_api.areas.analytics.results import MAX_ANSWER_BYTES, json_rows
from unkey_api.areas.analytics.values import Undecodable, decoder, split_type


def decoded(type_text: str, value: Any) -> Any:
    return decoder(type_text, UTC)(value)


class TestTypes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("String", ("String", [])),
            ("Nullable(String)", ("Nullable", ["String"])),
            ("Map(String, Array(Nullable(Int64)))", ("Map", ["String", "Array(Nullable(Int64))"])),
            ("Enum8('a,(' = 1, 'b\\'' = 2)", ("Enum8", ["'a,(' = 1", "'b\\'' = 2"])),
            ("Tuple(a Int64, `b c` String)", ("Tuple", ["a Int64", "`b c` String"])),
        ],
    )
    def test_names_and_arguments(self, text: str, expected: tuple[str, list[str]]) -> None:
        assert split_type(text) == expected

    @pytest.mark.parametrize(
        ("type_text", "value", "expected"),
        [
            ("UInt64", "18446744073709551615", 2**64 - 1),  # as older servers write it
            ("Float64", "nan", None),
            ("Float64", "-inf", None),
            ("Nullable(Decimal(9, 2))", None, None),
            ("Decimal(9, 2)", "1.50", "1.5"),
            ("Decimal(9, 2)", 100, "100"),
            ("SimpleAggregateFunction(sum, Int64)", 5, 5),
            ("SimpleAggregateFunction(anyLast, LowCardinality(String))", "x", "x"),
            ("Array(DateTime('UTC'))", ["2026-01-02 03:04:05"], ["2026-01-02T03:04:05Z"]),
            ("DateTime('America/New_York')", "2026-01-02 03:04:05", "2026-01-02T03:04:05-05:00"),
            ("DateTime('Nowhere/Land')", "2026-01-02 03:04:05", "2026-01-02T03:04:05Z"),
            ("Map(String, Nullable(Date))", {"b": None, "a": "2026-01-01"}, {"a": "2026-01-01T00:00:00Z", "b": None}),
            ("Tuple(b Int64, a String)", {"b": 1, "a": "x"}, {"a": "x", "b": 1}),
            ("Tuple(b Int64, a String)", [1, "x"], {"a": "x", "b": 1}),
            ("Tuple(Int64, Nullable(String))", [1, None], [1, None]),
        ],
    )  # fmt: skip
    def test_each_has_its_form(self, type_text: str, value: object, expected: object) -> None:
        found = decoded(type_text, value)
        assert found == expected
        assert list(found) == list(expected) if isinstance(found, dict) and isinstance(expected, dict) else True

    @pytest.mark.parametrize(
        "type_text", ["AggregateFunction(avg, Float64)", "IntervalDay", "Whatever", "Array(" * 40 + "Int8" + ")" * 40]
    )
    def test_others_cannot_be_shown(self, type_text: str) -> None:
        with pytest.raises(Undecodable):
            decoder(type_text, UTC)


def rows(*lines: object, big_as_text: bool = False) -> list[Any]:
    raw = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return [json.loads(row) for row in json_rows(raw, time_zone="UTC", big_as_text=big_as_text)]


class TestRows:
    def test_members_are_in_alphabetical_order_and_the_last_of_a_name_counts(self) -> None:
        found = json_rows(b'["b","a","b"]\n["Int8","Int8","Int8"]\n[1,2,3]\n', time_zone="", big_as_text=False)
        assert found == [b'{"a":2,"b":3}']

    def test_whole_numbers_of_any_size(self) -> None:
        head = (["n", "l"], ["Int128", "Array(UInt64)"])
        assert rows(*head, [2**100, [2**60]]) == [{"n": 2**100, "l": [2**60]}]
        assert rows(*head, [2**100, [2**60, 5]], big_as_text=True) == [{"n": str(2**100), "l": [str(2**60), 5]}]

    def test_decimals_keep_their_digits(self) -> None:
        raw = b'["d","f"]\n["Decimal(38, 10)","Float64"]\n[12345678901234567890.1234500000,0.5]\n'
        assert json_rows(raw, time_zone="", big_as_text=False) == [b'{"d":"12345678901234567890.12345","f":0.5}']

    def test_an_answer_that_is_too_large_ends_where_it_is(self) -> None:
        line = json.dumps(["x" * 100_000]) + "\n"
        raw = ('["s"]\n["String"]\n' + line * 41 + "not json\n" * 100).encode()
        assert len(raw) < MAX_ANSWER_BYTES * 2
        with pytest.raises((TooMuchMemory, AnalyticsUnavailable)):
            json_rows(raw, time_zone="", big_as_text=False)
        with pytest.raises(TooMuchMemory):
            json_rows(('["s"]\n["String"]\n' + line * 42).encode() + b"not json\n", time_zone="", big_as_text=False)

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"hello",
            b"<html>\n</html>\n",
            b'["a"]\n',
            b'["a"]\n["Int8","Int8"]\n[1]\n',
            b'["a"]\n["Int8"]\n[]\n',
            b'["a"]\n["Int8"]\n["x"]\n',
            b'["a"]\n["DateTime"]\n["yesterday"]\n',
            b'["a"]\n["Array(Int8)"]\n[5]\n',
            b"{}\n{}\n",
            b'["a"]\n["Tuple(Int8)"]\n[[1,2]]\n',
        ],
    )
    def test_riddles_are_the_databases_fault(self, raw: bytes) -> None:
        with pytest.raises((AnalyticsUnavailable, InvalidQuery)) as caught:
            json_rows(raw, time_zone="", big_as_text=False)
        assert type(caught.value) is AnalyticsUnavailable

    def test_bytes_that_are_no_text_are_replaced(self) -> None:
        assert json_rows(b'["a"]\n["String"]\n["\xff"]\n', time_zone="", big_as_text=False) == [
            '{"a":"\ufffd"}'.encode()
        ]
