"""A workspace for each test."""

from __future__ import annotations

import pytest

from tests.rpc.published.world import World
from tests.support.asking import Asking


@pytest.fixture
async def world(asking: Asking) -> World:
    return World(asking.api, await asking.api.admin(), asking)
