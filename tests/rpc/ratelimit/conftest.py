"""A workspace, a root key that may do everything with limits, and a namespace."""

from __future__ import annotations

import pytest

from tests.rpc.ratelimit.making import ALL, MANAGE, make_namespace
from tests.support.stage import Stage


@pytest.fixture
def workspace(stage: Stage) -> str:
    return stage.workspace()


@pytest.fixture
def key(stage: Stage, workspace: str) -> str:
    return stage.root_key(workspace, *ALL, *MANAGE)


@pytest.fixture
async def namespace(stage: Stage, workspace: str) -> str:
    """A namespace called as its id."""
    return await make_namespace(stage, workspace)
