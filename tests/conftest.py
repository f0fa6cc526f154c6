"""Fixtures every test may ask for. Stores are started on first use and shared by the session."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from tests.support.frozen import add_option, skip_what_needs_a_live_one
from tests.support.spreading import make_scheduler, order_for_spreading

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

# A module must come after those it imports, or pytest could not rewrite their asserts.
pytest_plugins = [
    "tests.support.clickhouse",
    "tests.support.mysql",
    "tests.support.redis",
    "tests.support.keys",
    "tests.support.stage",
    "tests.support.harness",
    "tests.support.asking",
    "tests.support.shell",
    "tests.support.served",
    "tests.support.foreign",
    "tests.support.toolchains",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the options of the tests."""
    add_option(parser)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the options rule out; with `-n`, put long ones first."""
    skip_what_needs_a_live_one(config, items)
    if hasattr(config, "workerinput"):
        order_for_spreading(items)


def pytest_collection_finish() -> None:
    """Keep the collector of garbage from walking over modules and tests, which stay to the end."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Spread tests by file."""
    return make_scheduler(config, log)
