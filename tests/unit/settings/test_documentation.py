"""The published table of settings follows the classes."""

from __future__ import annotations

from tools.settings_table import PAGE, render
from unkey_api.settings.reading import describe


def test_page_is_what_the_tool_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `python -m tools.settings_table`"


def test_every_key_has_its_own_variable_and_a_meaning() -> None:
    keys = describe()
    assert len({key.environment for key in keys}) == len(keys)
    assert all(key.meaning.endswith(".") for key in keys)


def test_table_holds_top_level_and_nested_keys() -> None:
    described = {key.path: key for key in describe()}
    assert described["http_port"].default == "`7070`"
    assert described["observability.logging.slow_threshold"].default == "`1s`"
    assert described["database.primary"].environment == "UNKEY_DATABASE_PRIMARY"
    assert described["redis_url"].default == "required"
