"""Fixtures every test may ask for. Stores are started on first use and shared by the session."""

from __future__ import annotations

# A module must come after those it imports, or pytest could not rewrite their asserts.
pytest_plugins = [
    "tests.support.clickhouse",
    "tests.support.mysql",
    "tests.support.redis",
    "tests.support.keys",
    "tests.support.stage",
    "tests.support.harness",
    "tests.support.served",
    "tests.support.foreign",
    "tests.support.toolchains",
]
