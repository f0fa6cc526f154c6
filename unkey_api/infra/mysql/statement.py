"""Statements: one per file, read once at import, parsed once.

A file `<package>/sql/<name>.sql` holds a comment that states the guarantee, then one statement without a semicolon.
The comment stays behind; what is sent carries the tags of `sql_text.py` instead. Parameters are `%(name)s`, a literal
per cent sign is `%%`. A list or tuple as a value becomes a parenthesised list, for `IN %(ids)s`; an empty one becomes
an empty subquery, so that `IN` is false and `NOT IN` is true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Generic, TypeVar

from unkey_api.infra.mysql.rows import RowMapper

R = TypeVar("R")

ToLiteral = Callable[[object], str]
"""Turns a value into an SQL literal for the connection at hand."""

_PARAMETER = re.compile(r"%(?:\((?P<name>\w+)\)s|(?P<percent>%)|(?P<stray>))")
_COMMENT_LINE = re.compile(r"^\s*--.*$\n?", re.MULTILINE)
_VALUES = re.compile(r"\bVALUES\s*(?=\()", re.IGNORECASE)


class Template:
    """SQL text cut at its parameters."""

    __slots__ = ("_format", "_names", "parameters")

    def __init__(self, name: str, sql: str) -> None:
        self._names: list[str] = []
        for match in _PARAMETER.finditer(sql):
            if match["name"]:
                self._names.append(match["name"])
            elif not match["percent"]:
                near = sql[match.start() :][:20]
                raise ValueError(f"{name}.sql: write a literal per cent sign as %%, near {near!r}")
        # The same text with parameters by position: Python fills those in fastest, and reads %% as we do.
        self._format = _PARAMETER.sub(lambda match: "%s" if match["name"] else "%%", sql)
        self.parameters = frozenset(self._names)

    def render(self, params: Mapping[str, object], literal: ToLiteral) -> str:
        """Return the text with every parameter in place.

        Raises:
            ValueError: `params` lacks a name or has one the statement does not know.
        """
        if params.keys() != self.parameters:
            raise ValueError(f"parameters {sorted(params)} given, {sorted(self.parameters)} expected")
        return self._format % tuple([literal(params[name]) for name in self._names])


class Statement:
    """A named statement that returns no rows."""

    __slots__ = ("_bulk", "name", "sql", "template")

    def __init__(self, name: str, sql: str) -> None:
        self.name = name
        """The file's name without `.sql`; it names the span, the metric and the tag."""
        self.sql = sql
        """The text as written, without comments."""
        self.template = Template(name, sql)
        self._bulk: tuple[str, Template, str] | None = None

    def bulk(self) -> tuple[str, Template, str]:
        """Return the text up to the VALUES group, the group, and the text after it.

        Raises:
            ValueError: There is no such group, or a parameter stands outside of it.
        """
        if self._bulk is None:
            self._bulk = _cut_values(self.name, self.sql)
        return self._bulk


class Query(Statement, Generic[R]):
    """A named statement whose rows become `R`."""

    __slots__ = ("mapper",)

    def __init__(self, name: str, sql: str, row: type[R]) -> None:
        super().__init__(name, sql)
        self.mapper: RowMapper[R] = RowMapper(name, row)


def load_query(package: str, name: str, *, row: type[R]) -> Query[R]:
    """Read `<package>/sql/<name>.sql`, whose rows become `row`, a frozen dataclass with the columns as its fields.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not one statement, or has a stray per cent sign.
        TypeError: `row` has a field the mapper cannot fill.
    """
    return Query(name, _read(package, name), row)


def load_statement(package: str, name: str) -> Statement:
    """Read `<package>/sql/<name>.sql`, a statement without rows. Raises as `load_query` does."""
    return Statement(name, _read(package, name))


def _read(package: str, name: str) -> str:
    text = files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    sql = _COMMENT_LINE.sub("", text).strip()
    if not sql or ";" in sql:
        raise ValueError(f"{package}/sql/{name}.sql must hold exactly one statement, without a semicolon")
    return sql


def _cut_values(name: str, sql: str) -> tuple[str, Template, str]:
    found = list(_VALUES.finditer(sql))
    if not found:
        raise ValueError(f"{name}.sql has no VALUES (…) group to repeat")
    start = found[0].end()
    end = _closing_parenthesis(name, sql, start) + 1
    head, tail = sql[:start], sql[end:]
    if Template(name, head).parameters or Template(name, tail).parameters:
        raise ValueError(f"{name}.sql has a parameter outside its VALUES group; it would be the same for all rows")
    return Template(name, head).render({}, str), Template(name, sql[start:end]), Template(name, tail).render({}, str)


def _closing_parenthesis(name: str, sql: str, start: int) -> int:
    depth = 0
    for position in range(start, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[position], 0)
        if depth == 0:
            return position
    raise ValueError(f"{name}.sql: the VALUES group is never closed")
