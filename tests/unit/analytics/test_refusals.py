"""What ClickHouse says, as what we say."""

from __future__ import annotations

import pytest

from unkey_api.areas.analytics.errors import (
    ExecutionTimedOut,
    InvalidQuery,
    QuotaExceeded,
    TooManyRows,
    TooMuchMemory,
)
from unkey_api.areas.analytics.refusals import refusal_of
from unkey_api.core.errors import AppError
from unkey_api.infra.clickhouse.client import ClickHouseRefused


def refusal(text: str) -> AppError:
    error = ClickHouseRefused(text)
    return refusal_of(error.text, number=error.number, name=error.name)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Code: 396. DB::Exception: Limit exceeded, max bytes: 4.00 MiB (TOO_MANY_ROWS_OR_BYTES)", TooMuchMemory),
        ("Code: 396. DB::Exception: Limit for result exceeded, max rows: 10 (TOO_MANY_ROWS_OR_BYTES)", TooManyRows),
        ("Code: 159. DB::Exception: Timeout exceeded: elapsed 5 s (TIMEOUT_EXCEEDED)", ExecutionTimedOut),
        ("Code: 160. DB::Exception: Estimated query execution time is too long (TOO_SLOW)", ExecutionTimedOut),
        ("Code: 241. DB::Exception: Memory limit exceeded (MEMORY_LIMIT_EXCEEDED)", TooMuchMemory),
        ("Code: 158. DB::Exception: Limit for rows_to_read exceeded (TOO_MANY_ROWS)", TooManyRows),
        ("Code: 201. DB::Exception: Quota for user has been exceeded (QUOTA_EXCEEDED)", QuotaExceeded),
        ("Code: 198. DB::Exception: something", TooManyRows),
        ("Code: 394. DB::Exception: Query was cancelled (QUERY_WAS_CANCELLED)", ExecutionTimedOut),
        ("Code: 241. DB::Exception: something", TooMuchMemory),
        ("Code: 202. DB::Exception: something (TOO_MANY_SIMULTANEOUS_QUERIES)", QuotaExceeded),
        ("Code: 1. DB::Exception: something (TOO_MANY_ROWS)", TooManyRows),
        ("Code: 396. DB::Exception: something", TooMuchMemory),
    ],
)  # fmt: skip
def test_limits(text: str, kind: type[AppError]) -> None:
    error = refusal(text)
    assert type(error) is kind
    assert error.internal == text
    assert "DB::Exception" not in error.public


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Code: 497. DB::Exception: ws_1: Not enough privileges (ACCESS_DENIED)", "Select only the documented columns"),
        ("Code: 46. DB::Exception: Unknown function with name `memory` (UNKNOWN_FUNCTION)", "Unknown function"),
        (
            "Code: 47. DB::Exception: Unknown expression identifier `memory_quota` (UNKNOWN_IDENTIFIER)",
            "Unknown identifier",
        ),
        ("Code: 47. DB::Exception: Missing columns: 'timeout'", "Unknown identifier"),
        ("Code: 62. DB::Exception: Syntax error: failed at memory (SYNTAX_ERROR)", "Invalid SQL syntax"),
        ("Code: 43. DB::Exception: Illegal type (ILLEGAL_TYPE_OF_ARGUMENT)", "Invalid analytics query"),
        ("no number at all", "Invalid analytics query"),
    ],
)
def test_the_query_is_at_fault(text: str, sentence: str) -> None:
    error = refusal(text)
    assert type(error) is InvalidQuery
    assert sentence in error.public
    assert "ws_1" not in error.public
