"""Load configurations that differ from a legal one in what a test is about."""

from __future__ import annotations

import pytest

from unkey_api.settings.load import load_settings
from unkey_api.settings.sections import Settings
from unkey_api.settings.source import ConfigError

TOP = 'redis_url = "redis://localhost:6379"\n'
TABLES = """
[database]
primary = "unkey:password@tcp(localhost:3306)/unkey?parseTime=true"
[[auth]]
type = "root_key"
"""


class Loading:
    """Wraps `load_settings`; `top` goes before the first table, `tables` to the end."""

    def settings(self, top: str = "", tables: str = "", **environ: str) -> Settings:
        """Load, expecting success."""
        return load_settings(f"{top}\n{TOP}{TABLES}{tables}", environ)

    def problems(self, top: str = "", tables: str = "", **environ: str) -> list[str]:
        """Load, expecting failure; returns the problems as text."""
        return refused(f"{top}\n{TOP}{TABLES}{tables}", environ)

    def auth_problems(self, entries: str) -> list[str]:
        """Load with these entries in place of the usual one, expecting failure."""
        return refused(f"{TOP}{TABLES.partition('[[auth]]')[0]}{entries}", {})


def refused(source: str | None, environ: dict[str, str]) -> list[str]:
    """Load, expecting failure; returns the problems as text."""
    with pytest.raises(ConfigError) as caught:
        load_settings(source, environ)
    assert all(str(problem) in str(caught.value) for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]
