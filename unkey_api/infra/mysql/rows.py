"""From driver tuples to frozen dataclasses, by column name.

A row class is read once, when its query is loaded. The order of the columns is matched once, when the first result
arrives. After that a row costs one constructor call, plus one call per field that needs converting.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Annotated, Any, Generic, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from unkey_api.core.columns import FromJson, UnixMs, from_datetime
from unkey_api.infra.mysql.errors import RowMismatch

R = TypeVar("R")

Convert = Callable[[Any], object]  # Any: driver values have no static type

_PLAIN: frozenset[object] = frozenset({int, str, float, bytes, object})


class RowMapper(Generic[R]):
    """Makes rows of one class from the results of one query."""

    __slots__ = ("_columns", "_converters", "_name", "_names", "_pick", "_required", "_row")

    def __init__(self, name: str, row: type[R]) -> None:
        if not is_dataclass(row):
            raise TypeError(f"{name}: {row.__name__} is not a dataclass")
        self._name = name
        self._row: Callable[..., R] = row
        hints = get_type_hints(row, include_extras=True)
        self._names = tuple(field.name for field in fields(row))
        kinds = [_kind(f"{row.__name__}.{field}", hints[field]) for field in self._names]
        self._required = tuple(index for index, (_, optional) in enumerate(kinds) if not optional)
        self._converters = tuple((index, convert) for index, (convert, _) in enumerate(kinds) if convert)
        self._columns: tuple[str, ...] | None = None
        self._pick: Callable[[tuple[object, ...]], tuple[object, ...]] | None = None

    def all(self, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> list[R]:
        """Return one object per row.

        Raises:
            RowMismatch: A column is missing or unknown, a value is NULL where the class does not allow it,
                or a value cannot be converted.
        """
        if columns != self._columns:
            self._match(columns)
        return [self._one(values) for values in rows]

    def _match(self, columns: tuple[str, ...]) -> None:
        if len(columns) != len(self._names) or set(columns) != set(self._names):
            raise RowMismatch(self._name, f"columns {columns} do not fit fields {self._names}")
        self._pick = None
        if columns != self._names:
            self._pick = itemgetter(*(columns.index(name) for name in self._names))
        self._columns = columns

    def _one(self, values: tuple[object, ...]) -> R:
        if self._pick:
            values = self._pick(values)
        if None in values:
            self._check_nulls(values)
        if not self._converters:
            return self._row(*values)
        cells = list(values)
        for index, convert in self._converters:
            if cells[index] is not None:
                try:
                    cells[index] = convert(cells[index])
                except (ValueError, TypeError) as err:
                    raise RowMismatch(self._name, f"{self._names[index]} holds an unusable value") from err
        return self._row(*cells)

    def _check_nulls(self, values: tuple[object, ...]) -> None:
        for index in self._required:
            if values[index] is None:
                raise RowMismatch(self._name, f"{self._names[index]} is NULL")


def _kind(where: str, hint: Any) -> tuple[Convert | None, bool]:  # noqa: PLR0911 - Any: a type hint can be anything
    """Return the converter a hint asks for, None for none, and whether the hint allows None."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *marks = get_args(hint)
        if any(isinstance(mark, FromJson) for mark in marks):
            return (_from_json_or_none, True) if _allows_none(inner) else (_from_json, False)
        return _kind(where, inner)
    if origin in {Union, types.UnionType}:
        members = [member for member in get_args(hint) if member is not types.NoneType]
        if len(members) != 1:
            raise TypeError(f"{where}: a column has one type, not {hint}")
        convert = _kind(where, members[0])[0]
        optional = len(members) != len(get_args(hint))
        return (_from_json_or_none if optional and convert is _from_json else convert), optional
    if hint is UnixMs:
        return _to_unix_ms, False
    if isinstance(hint, NewType):
        return _kind(where, hint.__supertype__)
    if hint is bool:
        return bool, False
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint, False
    if hint in _PLAIN:
        return None, hint is object
    raise TypeError(f"{where}: no column becomes {hint}")


def _allows_none(hint: object) -> bool:
    return get_origin(hint) in {Union, types.UnionType} and types.NoneType in get_args(hint)


def _to_unix_ms(value: Any) -> UnixMs:  # Any: the driver gives int or datetime
    return from_datetime(value) if isinstance(value, datetime) else UnixMs(int(value))


def _from_json(value: str | bytes) -> object:
    return orjson.loads(value)


def _from_json_or_none(value: str | bytes) -> object:
    return orjson.loads(value) if value else None


def column_values(kind: type[R]) -> Callable[[R], dict[str, object]]:
    """Return a function from an object of a dataclass to its fields by name.

    Unlike `dataclasses.asdict` it copies nothing, which costs a tenth. The class has at least two fields.
    """
    names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]  # a dataclass, or fields() raises
    pick: Callable[[Any], tuple[object, ...]] = attrgetter(*names)  # Any: whatever the class declares

    def values(row: R) -> dict[str, object]:
        return dict(zip(names, pick(row), strict=True))

    return values
