"""A workspace and a root key that may do everything with permissions and roles."""

from __future__ import annotations

import pytest

from tests.rpc.permissions.making import ALL
from tests.support.stage import Stage


@pytest.fixture
def workspace(stage: Stage) -> str:
    return stage.workspace()


@pytest.fixture
def key(stage: Stage, workspace: str) -> str:
    return stage.root_key(workspace, *ALL)
