"""Fixtures of races."""

from __future__ import annotations

import pytest

from tests.rpc.concurrency.racing import Track
from tests.support.harness import Harness
from unkey_api.infra.mysql import Dsn


@pytest.fixture
async def track(api: Harness, mysql_dsn: Dsn) -> Track:
    """A workspace of this test alone."""
    return await Track.make(api, mysql_dsn)
