"""A fresh workspace per test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import Harness
from tests.support.transfer import Depot
from unkey_api.infra.mysql import Dsn


@pytest.fixture
async def depot(api: Harness, mysql_dsn: Dsn, tmp_path: Path) -> Depot:
    return await Depot.make(api, mysql_dsn, tmp_path)
