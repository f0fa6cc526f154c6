"""A workspace for each test."""

from __future__ import annotations

import pytest

from tests.rpc.published.world import World
from tests.support.harness import Harness


@pytest.fixture
async def world(api: Harness) -> World:
    return World(api, await api.admin())
