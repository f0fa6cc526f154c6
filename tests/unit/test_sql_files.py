"""Rules for statements in files, checked over every file of the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import unkey_api

ROOT = Path(unkey_api.__file__).parent
NAME = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)+\.sql$")
MIGRATION = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")
FOREIGN = ("clickhouse",)
"""Packages whose SQL speaks another dialect and has rules of its own."""


def sql_files(folder: str) -> list[Path]:
    files = sorted(ROOT.rglob(f"{folder}/*.sql"))
    return [file for file in files if not set(FOREIGN) & set(file.relative_to(ROOT).parts)]


def problems(text: str) -> list[str]:
    """Return what is wrong with a statement's file."""
    comment = [line for line in text.splitlines() if line.startswith("--")]
    sql = "\n".join(line for line in text.splitlines() if not line.strip().startswith("--"))
    found = []
    if not text.startswith("-- "):
        found.append("starts without a comment that states the guarantee")
    if ";" in sql:
        found.append("has a semicolon: one statement, nothing behind it")
    if not sql.strip():
        found.append("has no statement")
    if "workspace_id" not in sql and not any(line.startswith("-- No workspace filter: ") for line in comment):
        found.append("neither filters by workspace_id nor says '-- No workspace filter: <why>'")
    if re.search(r"->>|\bLATERAL\b|_0900_|\bRETURNING\b|\bEXCEPT\b|\bINTERSECT\b", sql, re.IGNORECASE):
        found.append("uses what MySQL 8.0 and MariaDB 10.11 do not share")
    return found


@pytest.mark.parametrize("file", sql_files("sql"), ids=lambda file: str(file.relative_to(ROOT)))
def test_statement_follows_the_rules(file: Path) -> None:
    assert NAME.match(file.name), "name a statement entity_operation_qualifier.sql"
    assert problems(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", sql_files("schema"), ids=lambda file: file.name)
def test_migration_is_one_commented_statement(file: Path) -> None:
    assert MIGRATION.match(file.name)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    assert ";" not in "".join(line for line in text.splitlines() if not line.startswith("--"))


def test_migration_numbers_are_consecutive() -> None:
    """A number used twice would make the order depend on the name."""
    numbers = [int(file.name[:4]) for file in sql_files("schema")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_statement_names_are_unique() -> None:
    """The name is the span, the metric and the tag of the statement."""
    names = [file.name for file in sql_files("sql")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1 FROM t WHERE workspace_id = 1", "without a comment"),
        ("-- x\nSELECT workspace_id; SELECT 2", "semicolon"),
        ("-- x\n-- workspace_id\n", "no statement"),
        ("-- workspace_id is in the comment only\nSELECT 1 FROM t", "neither filters"),
        ("-- No workspace filter:\nSELECT 1", "neither filters"),
        ("-- x\nSELECT a->>'$.b' FROM t WHERE workspace_id = 1", "do not share"),
    ],
)
def test_the_rules_are_enforced(text: str, complaint: str) -> None:
    assert any(complaint in found for found in problems(text))
