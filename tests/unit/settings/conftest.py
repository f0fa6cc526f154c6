"""Fixtures of the settings tests."""

from __future__ import annotations

import pytest

from tests.unit.settings.loading import Loading


@pytest.fixture
def loading() -> Loading:
    """Give the shortest legal configuration and ways to depart from it."""
    return Loading()
