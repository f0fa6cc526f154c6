"""The limit on how often a workspace may call."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.asgi import Answer
from tests.support.limits_row import limits_row
from tests.support.stage import Stage, names

pytestmark = pytest.mark.integration
PATH = "/v2/apis.getApi"
HEADERS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after")


@pytest.fixture
def workspace(stage: Stage) -> str:
    return stage.workspace()


@pytest.fixture
def key(stage: Stage, workspace: str) -> str:
    return stage.root_key(workspace)


async def allow(stage: Stage, workspace: str, per_minute: int | None) -> None:
    await stage.insert("limits", **limits_row(workspace, requests_per_minute=per_minute))


async def call(stage: Stage, key: str) -> Answer:
    """Call an operation that the key may not use: let through, it answers 403."""
    return await stage.post(PATH, {"apiId": "api_12345678"}, root_key=key)


def limit_headers(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name in HEADERS}


class TestLimited:
    async def test_third_request_of_two_is_refused_with_all_headers(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        await allow(stage, workspace, 2)
        first, second, third = [await call(stage, key) for _ in range(3)]
        reset = str((60_000 - stage.clock.now_ms() % 60_000) // 1000)
        assert (first.status, second.status, third.status) == (403, 403, 429)
        assert limit_headers(first) == {
            "ratelimit-limit": "2",
            "ratelimit-remaining": "1",
            "ratelimit-reset": reset,
        }
        assert limit_headers(second)["ratelimit-remaining"] == "0"
        assert limit_headers(third) == {
            "ratelimit-limit": "2",
            "ratelimit-remaining": "0",
            "ratelimit-reset": reset,
            "retry-after": reset,
        }
        assert third.json["error"]["type"].endswith("/user/too_many_requests/workspace_rate_limited")
        expected = "This workspace has exceeded its API rate limit of 2/1m0s. Please try again later."
        assert third.json["error"]["detail"] == expected

    async def test_other_workspaces_are_unaffected(self, stage: Stage, workspace: str, key: str) -> None:
        await allow(stage, workspace, 1)
        other = stage.root_key(stage.workspace())
        assert [(await call(stage, key)).status for _ in range(2)] == [403, 429]
        assert (await call(stage, other)).status == 403

    async def test_limit_of_zero_blocks_everything_without_headers(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        await allow(stage, workspace, 0)
        answer = await call(stage, key)
        assert (answer.status, limit_headers(answer)) == (429, {})
        assert "0/1m0s" in answer.json["error"]["detail"]

    async def test_failed_authentication_consumes_nothing(self, stage: Stage, workspace: str, key: str) -> None:
        await allow(stage, workspace, 1)
        for token in ("nobody", ""):
            await call(stage, token)
        assert (await call(stage, key)).status == 403

    async def test_refused_body_consumes_nothing(self, stage: Stage, workspace: str, key: str) -> None:
        await allow(stage, workspace, 1)
        assert (await stage.post(PATH, {"apiId": ""}, root_key=key)).status == 400
        assert (await call(stage, key)).status == 403

    async def test_next_minute_starts_anew(self, stage: Stage, workspace: str, key: str) -> None:
        await allow(stage, workspace, 1)
        assert [(await call(stage, key)).status for _ in range(2)] == [403, 429]
        stage.clock.advance(120_000)
        assert (await call(stage, key)).status == 403

    async def test_no_analytics_row_is_written(self, stage: Stage, workspace: str, key: str) -> None:
        await allow(stage, workspace, 5)
        await call(stage, key)
        assert stage.rows == []


class TestUnlimited:
    async def test_null_and_missing_row_mean_no_limit_and_no_headers(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        without_row = stage.root_key(stage.workspace())
        await allow(stage, workspace, None)
        for who in (key, without_row):
            answers = [await call(stage, who) for _ in range(3)]
            assert {answer.status for answer in answers} == {403}
            assert all(limit_headers(answer) == {} for answer in answers)

    async def test_limits_that_cannot_be_read_let_requests_through(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        await allow(stage, workspace, 0)
        await stage.sql("RENAME TABLE limits TO limits_away")
        try:
            assert (await call(stage, key)).status == 403
        finally:
            await stage.sql("RENAME TABLE limits_away TO limits")
        assert (await call(stage, key)).status == 429

    async def test_counter_store_that_is_away_still_limits_locally(
        self, stage: Stage, workspace: str, key: str
    ) -> None:
        stage.counters.down = True
        await allow(stage, workspace, 1)
        assert [(await call(stage, key)).status for _ in range(2)] == [403, 429]


class TestWarm:
    async def test_limits_are_read_once_a_minute(self, stage: Stage, workspace: str, key: str) -> None:
        await allow(stage, workspace, 100)
        with stage.statements.recording() as seen:
            await asyncio.gather(*(call(stage, key) for _ in range(5)))
        assert names(seen) == ["limits_find_by_workspace"]
        before = stage.counters.round_trips
        with stage.statements.recording() as seen:
            answer = await call(stage, key)
        assert (seen, stage.counters.round_trips) == ([], before)
        assert limit_headers(answer)["ratelimit-remaining"] == "94"

    async def test_absent_row_is_remembered(self, stage: Stage, key: str) -> None:
        await call(stage, key)
        with stage.statements.recording() as seen:
            await call(stage, key)
        assert seen == []
