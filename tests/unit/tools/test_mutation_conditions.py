"""Finding the conditions of SQL statements, each of which a test has to notice missing."""

from __future__ import annotations

from pathlib import Path

import pytest

import unkey_api
from tools.mutation.conditions import DROP_CONDITION, DROP_LOCK, sql_places


def without_each(statement: str, operator: str = DROP_CONDITION) -> list[str]:
    planted = [statement[:start] + instead + statement[end:] for start, end, instead in sql_places(statement, operator)]
    return [" ".join(each.split()) for each in planted]


def test_every_condition_of_where_is_one() -> None:
    assert without_each("DELETE FROM t WHERE a = %(a)s AND b = 1 LIMIT 1") == [
        "DELETE FROM t WHERE (a = %(a)s OR TRUE) AND b = 1 LIMIT 1",
        "DELETE FROM t WHERE a = %(a)s AND (b = 1 OR TRUE) LIMIT 1",
    ]


def test_alternatives_never_hold() -> None:
    assert without_each("SELECT 1 FROM t WHERE (a = 1 OR b = 2)")[1:] == [
        "SELECT 1 FROM t WHERE (a = 1 OR (b = 2 AND FALSE) )",
    ]


def test_joins_and_subqueries_are_looked_into() -> None:
    statement = (
        "SELECT (SELECT COUNT(*) FROM u WHERE u.t = t.id) FROM t JOIN v ON v.id = t.v AND v.gone IS NULL WHERE t.id = 1"
    )
    assert len(without_each(statement)) == 4


def test_between_is_one_condition() -> None:
    assert without_each("SELECT 1 FROM t WHERE a BETWEEN 1 AND 2 AND b = 3") == [
        "SELECT 1 FROM t WHERE (a BETWEEN 1 AND 2 OR TRUE) AND b = 3",
        "SELECT 1 FROM t WHERE a BETWEEN 1 AND 2 AND (b = 3 OR TRUE)",
    ]


def test_comments_and_duplicate_keys_are_none() -> None:
    assert without_each("-- WHERE nobody AND nothing\nINSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = a") == []


def test_locks_are_left_out() -> None:
    assert without_each("SELECT 1 FROM t WHERE a = 1 FOR UPDATE", DROP_LOCK) == ["SELECT 1 FROM t WHERE a = 1"]


@pytest.mark.parametrize("area", ["keys", "rootkeys", "permissions", "identities"])
def test_statements_of_every_area_have_some(area: str) -> None:
    files = sorted((Path(unkey_api.__file__).parent / "areas" / area).rglob("*.sql"))
    assert sum(len(sql_places(file.read_text(encoding="utf-8"), DROP_CONDITION)) for file in files) > len(files) / 2
