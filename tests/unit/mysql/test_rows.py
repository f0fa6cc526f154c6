"""Rows: from columns to dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, NewType

import pytest

from unkey_api.core.columns import FromJson, JsonObject, UnixMs, from_datetime, to_datetime
from unkey_api.infra.mysql import RowMismatch
from unkey_api.infra.mysql.rows import RowMapper

KeyId = NewType("KeyId", str)


class Kind(StrEnum):
    ONE = "one"


@dataclass(frozen=True, slots=True)
class Everything:
    id: KeyId
    enabled: bool
    protected: bool | None
    created: UnixMs
    expires: UnixMs | None
    kind: Kind
    meta: JsonObject | None
    tags: Annotated[list[str], FromJson()]
    blob: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Pair:
    a: str
    b: int | None


COLUMNS = ("id", "enabled", "protected", "created", "expires", "kind", "meta", "tags", "blob", "count")
VALUES = ("key_1", 1, None, 5, datetime(1970, 1, 1, 0, 0, 1, 500_000), "one", '{"a":1}', '["x"]', b"\0", 3)  # noqa: DTZ001 - the driver's are naive


class TestConversion:
    def test_every_kind(self) -> None:
        row = RowMapper("q", Everything).all(COLUMNS, [VALUES])[0]
        assert row == Everything(
            id=KeyId("key_1"),
            enabled=True,
            protected=None,
            created=UnixMs(5),
            expires=UnixMs(1500),
            kind=Kind.ONE,
            meta={"a": 1},
            tags=["x"],
            blob=b"\0",
            count=3,
        )
        assert row.enabled is True

    def test_empty_json_text_is_none_where_allowed(self) -> None:
        """Other programs wrote empty strings where they meant nothing."""
        values = (*VALUES[:6], "", *VALUES[7:])
        assert RowMapper("q", Everything).all(COLUMNS, [values])[0].meta is None

    def test_instants_survive_the_round_trip(self) -> None:
        instant = UnixMs(1_750_000_000_123)
        assert from_datetime(to_datetime(instant)) == instant
        assert to_datetime(UnixMs(0)) == datetime(1970, 1, 1, tzinfo=UTC)


class TestMatching:
    def test_columns_in_another_order(self) -> None:
        assert RowMapper("q", Pair).all(("b", "a"), [(1, "x"), (None, "y")]) == [Pair("x", 1), Pair("y", None)]

    @pytest.mark.parametrize("columns", [("a",), ("a", "b", "c"), ("a", "c"), ("a", "a")])
    def test_missing_or_extra_columns(self, columns: tuple[str, ...]) -> None:
        with pytest.raises(RowMismatch, match="do not fit"):
            RowMapper("q", Pair).all(columns, [])

    def test_null_where_the_class_forbids_it(self) -> None:
        with pytest.raises(RowMismatch, match="a is NULL"):
            RowMapper("q", Pair).all(("a", "b"), [(None, 1)])

    @pytest.mark.parametrize(("index", "value"), [(5, "two"), (7, "{"), (7, "")])
    def test_unusable_value_is_named_without_being_quoted(self, index: int, value: str) -> None:
        values = (*VALUES[:index], value, *VALUES[index + 1 :])
        with pytest.raises(RowMismatch, match=f"{COLUMNS[index]} holds an unusable value"):
            RowMapper("q", Everything).all(COLUMNS, [values])


class TestRowClasses:
    def test_field_no_column_can_fill(self) -> None:
        @dataclass(frozen=True)
        class Wrong:
            a: Mapping[str, object]

        with pytest.raises(TypeError, match=r"Wrong\.a"):
            RowMapper("q", Wrong)

    def test_not_a_dataclass(self) -> None:
        with pytest.raises(TypeError, match="not a dataclass"):
            RowMapper("q", dict)
