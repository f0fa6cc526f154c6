"""A fresh workspace per test."""

from __future__ import annotations

import pytest

from tests.rpc.rootkeys.making import Ring
from tests.support.harness import Harness
from unkey_api.infra.mysql import Dsn


@pytest.fixture
async def ring(api: Harness, mysql_dsn: Dsn) -> Ring:
    return Ring(api, mysql_dsn, await api.admin())
