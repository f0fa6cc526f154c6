"""Dataclasses as statement values."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from unkey_api.infra.mysql import column_values


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    inner: list[int]


def test_fields_by_name_without_copies() -> None:
    inner = [1]
    values = column_values(Row)(Row("a", inner))
    assert values == {"id": "a", "inner": [1]}
    assert values["inner"] is inner


def test_only_dataclasses() -> None:
    with pytest.raises(TypeError):
        column_values(int)
