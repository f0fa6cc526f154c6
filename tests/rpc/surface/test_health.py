"""What orchestrators are told about a process."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.asgi import Answer
from tests.support.surface import Surface
from unkey_api.rpc.health import Check, Health, Phase

LIVE, READY, STARTUP = "/health/live", "/health/ready", "/health/startup"
PATHS = (LIVE, READY, STARTUP)


async def ask(path: str, health: Health, phase: Phase = Phase.SERVING, surface: Surface | None = None) -> Answer:
    surface = surface or Surface()
    surface.health = health
    client = surface.build()
    health.phase = phase
    return await client.request("GET", path, headers={})


async def fine() -> bool:
    return True


async def failing() -> bool:
    return False


async def broken() -> bool:
    msg = "password of the database"
    raise RuntimeError(msg)


async def hanging() -> bool:
    await asyncio.Event().wait()
    return True


class TestPhases:
    @pytest.mark.parametrize("path", PATHS)
    async def test_starting_process_is_not_started(self, path: str) -> None:
        answer = await ask(path, Health(), Phase.STARTING)
        assert (answer.status, answer.json) == (503, {"status": "not started"})

    @pytest.mark.parametrize("path", PATHS)
    async def test_serving_process_is_ok(self, path: str) -> None:
        answer = await ask(path, Health())
        assert (answer.status, answer.json) == (200, {"status": "ok"})
        assert answer.headers["content-type"] == "application/json"

    @pytest.mark.parametrize(("path", "status"), [(LIVE, 200), (READY, 503), (STARTUP, 200)])
    async def test_stopping_process_takes_no_more_but_lives(self, path: str, status: int) -> None:
        answer = await ask(path, Health(), Phase.STOPPING)
        assert answer.status == status
        assert answer.json == {"status": "shutting down" if path == READY else "ok"}


class TestChecks:
    async def test_checks_are_told_one_by_one(self) -> None:
        answer = await ask(READY, Health({"mysql": fine}))
        assert (answer.status, answer.json) == (200, {"status": "ok", "checks": {"mysql": "ok"}})

    @pytest.mark.parametrize("check", [failing, broken, hanging])
    async def test_any_that_fails_makes_it_unready_without_saying_why(self, check: Check) -> None:
        answer = await ask(READY, Health({"mysql": fine, "other": check}))
        assert answer.status == 503
        assert answer.json == {"status": "fail", "checks": {"mysql": "ok", "other": "fail"}}

    async def test_checks_do_not_matter_for_being_alive(self) -> None:
        assert (await ask(LIVE, Health({"mysql": failing}))).json == {"status": "ok"}

    async def test_details_are_told_and_do_not_make_it_unready(self) -> None:
        answer = await ask(READY, Health(details={"invalidation": "away"}))
        assert (answer.status, answer.json) == (200, {"status": "ok", "details": {"invalidation": "away"}})


async def test_probes_need_no_credential_and_are_not_observed() -> None:
    surface = Surface()
    for path in PATHS:
        assert (await ask(path, Health(), surface=surface)).status == 200
    assert surface.platform.seen == []
    assert surface.observer.completed == []
