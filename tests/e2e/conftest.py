"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.bad_ways import BadWays, bad_ways
from tests.e2e.troubles import Troubles, make_troubles
from tests.support.gate import Gate, gate_to
from tests.support.harness import Caller
from tests.support.served import Served
from unkey_api.infra.mysql import Dsn


@pytest.fixture
async def admin(served: Served) -> Caller:
    """A root key that may do everything, in a workspace of this test alone."""
    return await served.admin()


@pytest.fixture
async def nobody(served: Served) -> Caller:
    """A root key without any permission."""
    return await served.caller()


@pytest.fixture
def gate(served: Served) -> Iterator[Gate]:
    """A way to the service that can fail."""
    with gate_to(served.base) as opened:
        yield opened


@pytest.fixture(scope="session")
async def troubles(served: Served, mysql_dsn: Dsn) -> Troubles:
    """What leads to each kind of refusal."""
    return await make_troubles(served, mysql_dsn)


@pytest.fixture(scope="module")
def ways(served: Served, black_hole: str) -> Iterator[BadWays]:
    """Addresses that fail, fresh for each module."""
    with bad_ways(served.base, black_hole) as opened:
        yield opened
