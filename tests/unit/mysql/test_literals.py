"""Values as SQL text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum

import pytest

from unkey_api.infra.mysql.sql_text import sql_literal


class Colour(StrEnum):
    RED = "re'd"


class Number(Enum):
    ONE = 1


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "1"),
        (False, "0"),
        (-5, "-5"),
        (Decimal("1.50"), "1.50"),
        (0.1, "0.1e0"),
        (1e300, "1e+300"),
        ("plain", "'plain'"),
        ("it's", "'it''s'"),
        ("\\", "'\\\\'"),
        ("\\' OR 1 -- ", "'\\\\'' OR 1 -- '"),
        ('"`%\n\0ü🎉', "'\"`%\n\0ü🎉'"),
        (Name("o'clock"), "'o''clock'"),
        (Colour.RED, "'re''d'"),
        (Number.ONE, "1"),
        (b"\x00'", "_binary X'0027'"),
        (datetime(2030, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC), "'2030-01-02 03:04:05.678'"),
        (datetime(2030, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "'2030-01-02 01:00:00.000'"),
        (["a'", None, 2], "('a''',NULL,2)"),
        ((), "(SELECT NULL FROM DUAL WHERE FALSE)"),
    ],
)
def test_written(value: object, text: str) -> None:
    assert sql_literal(value) == text


@pytest.mark.parametrize("value", [object(), {"a": 1}, {1}])
def test_no_form(value: object) -> None:
    with pytest.raises(TypeError):
        sql_literal(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number(value: float) -> None:
    with pytest.raises(ValueError, match="no SQL form"):
        sql_literal(value)
