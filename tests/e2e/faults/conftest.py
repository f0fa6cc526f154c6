"""What the tests of this folder share: the dependencies they take away, and the page of figures."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.faults.figures import Figures, to_file_and_terminal
from tests.support.outages import Dependencies, dependencies


@pytest.fixture(scope="session")
def figures() -> Figures:
    """What was observed; one page for the whole run."""
    return to_file_and_terminal()


@pytest.fixture(scope="package")
async def stores() -> AsyncIterator[Dependencies]:
    """Everything a service depends on, for these tests alone."""
    # Not under pytest's own folder: the path of a unix socket must be short.
    with tempfile.TemporaryDirectory(prefix="unkey-faults-", dir="/tmp") as folder:
        async with dependencies(Path(folder)) as running:
            yield running
