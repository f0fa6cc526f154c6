"""A pytest plugin: notes which lines each test runs, and how long it takes."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage

FOLDER = "MUTATION_TRACE"
"""Environment variable: where the notes go."""
COVERAGE = "coverage"
DURATIONS = "durations.json"

_folder = Path(os.environ[FOLDER])
_coverage = Coverage(data_file=str(_folder / COVERAGE), source=["unkey_api"], config_file=False)
_seconds: dict[str, float] = defaultdict(float)
_coverage.set_option("run:relative_files", True)  # noqa: FBT003 - that is how it is called
_coverage.start()  # before the first import of what is measured


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note the lines of each test, its fixtures included, under its name."""
    _coverage.switch_context(item.nodeid)
    yield
    _coverage.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up set-up, call and tear-down of each test."""
    _seconds[report.nodeid] += report.duration


def pytest_sessionfinish() -> None:
    """Write it all."""
    _coverage.stop()
    _coverage.save()
    (_folder / DURATIONS).write_text(json.dumps(_seconds, indent=0, sort_keys=True), encoding="utf-8")
