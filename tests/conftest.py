"""Fixtures every test may ask for. Stores are started on first use and shared by the session."""

from __future__ import annotations

import pytest

from tests.support.frozen import add_option, skip_what_needs_a_live_one

# A module must come after those it imports, or pytest could not rewrite their asserts.
pytest_plugins = [
    "tests.support.clickhouse",
    "tests.support.mysql",
    "tests.support.redis",
    "tests.support.keys",
    "tests.support.stage",
    "tests.support.harness",
    "tests.support.shell",
    "tests.support.served",
    "tests.support.foreign",
    "tests.support.toolchains",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the options of the tests."""
    add_option(parser)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the options rule out."""
    skip_what_needs_a_live_one(config, items)
