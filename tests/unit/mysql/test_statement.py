"""Statements: cutting, filling in, finding the VALUES group."""

from __future__ import annotations

import pytest

from unkey_api.infra.mysql.statement import Statement, load_statement


def quoted(value: object) -> str:
    return f"<{value}>"


class TestTemplate:
    def test_fills_in_parameters_once(self) -> None:
        """A value that looks like a parameter is not filled in again."""
        template = Statement("s", "SELECT %(a)s, %(b)s, %(a)s").template
        assert template.render({"a": "%(b)s", "b": 2}, quoted) == "SELECT <%(b)s>, <2>, <%(b)s>"

    def test_doubled_per_cent_is_literal(self) -> None:
        assert Statement("s", "SELECT 'a%%'").template.render({}, quoted) == "SELECT 'a%'"

    @pytest.mark.parametrize("sql", ["LIKE '%x'", "SELECT %s", "SELECT %(a)d", "100%"])
    def test_stray_per_cent_fails_at_load(self, sql: str) -> None:
        with pytest.raises(ValueError, match="%%"):
            Statement("s", sql)

    @pytest.mark.parametrize("params", [{}, {"a": 1, "b": 2}, {"b": 1}])
    def test_wrong_parameters(self, params: dict[str, object]) -> None:
        """A forgotten or misspelt filter must not go unnoticed."""
        with pytest.raises(ValueError, match="expected"):
            Statement("s", "SELECT %(a)s").template.render(params, quoted)


class TestBulk:
    def test_cuts_around_the_group(self) -> None:
        sql = "INSERT INTO t (a, b) VALUES (%(a)s, NOW(3)) ON DUPLICATE KEY UPDATE a = VALUES(a), c = '%%'"
        head, group, tail = Statement("s", sql).bulk()
        assert head == "INSERT INTO t (a, b) VALUES "
        assert group.render({"a": 1}, quoted) == "(<1>, NOW(3))"
        assert tail == " ON DUPLICATE KEY UPDATE a = VALUES(a), c = '%'"

    @pytest.mark.parametrize(
        ("sql", "problem"),
        [
            ("DELETE FROM t", "no VALUES"),
            ("INSERT INTO t VALUES (1", "never closed"),
            ("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = %(a)s", "outside"),
        ],
    )
    def test_what_cannot_be_repeated(self, sql: str, problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            Statement("s", sql).bulk()


class TestLoad:
    def test_comments_stay_behind(self) -> None:
        statement = load_statement("unkey_api.audit", "clickhouse_outbox_insert")
        assert statement.name == "clickhouse_outbox_insert"
        assert statement.sql.startswith("INSERT INTO")

    def test_missing_file_fails(self) -> None:
        with pytest.raises(FileNotFoundError):
            load_statement("unkey_api.audit", "no_such_statement")
