"""A replica that has stopped: with `--frozen-replica` the tests' service reads from a copy that gets nothing it writes.

The copy is a second schema of the test server. What a test stores itself goes to both, as if it had been there long
before; what the service writes goes to the primary alone, and the copy never shows how far the log of changes has come.
So everything the service is asked to show after it changed something must come from the primary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest

OPTION = "--frozen-replica"
SUFFIX = "_frozen"
LAG_MAX = timedelta(seconds=1)
"""What the service is told about replicas here: a mark holds for ever, since the copy never shows its revision."""

_READS = re.compile(r"\s*(?:/\*.*?\*/)?\s*(?:SELECT|SHOW|EXPLAIN|SET)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Copies:
    """Which databases of the session have a copy."""

    databases: set[str]

    def of(self, database: str) -> str:
        """Return the name of the copy of a database; empty without one."""
        return f"{database}{SUFFIX}" if database in self.databases else ""


COPIES = Copies(set())
"""Filled when the session's database is made, asked by everything that stores rows beside the service."""


def is_read(statement: str) -> bool:
    """Say whether a statement leaves everything as it is."""
    return _READS.match(statement) is not None


def skip_what_needs_a_live_one(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests that say they need a replica that goes on, when it does not."""
    if config.getoption(OPTION):
        for item in items:
            if item.get_closest_marker("live_replica") is not None:
                item.add_marker(pytest.mark.skip(reason="needs a replica that goes on"))


def add_option(parser: pytest.Parser) -> None:
    """Add the option to pytest's."""
    parser.addoption(OPTION, action="store_true", help="let the service read from a replica that has stopped")
