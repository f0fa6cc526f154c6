"""liveness."""

from __future__ import annotations

import pytest

from tests.support.stage import Stage

pytestmark = pytest.mark.integration


class TestAlive:
    async def test_answers_without_credential_and_without_stores(self, stage: Stage) -> None:
        with stage.statements.recording() as seen:
            answer = await stage.node.client.request("GET", "/v2/liveness", headers={})
        assert (answer.status, answer.json["data"]) == (200, {"message": "we're cooking"})
        assert seen == []
        assert stage.counters.round_trips == 0
