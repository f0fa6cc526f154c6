"""Health over gRPC, next to the life of the process."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from unkey_proto.grpc.health.v1.health_pb import HealthCheckRequest, HealthCheckResponse, HealthListRequest

from unkey_api.rpc.grpc_services import GrpcHealth, StreamsBound
from unkey_api.rpc.health import Health, Phase

Serving = HealthCheckResponse.ServingStatus
CONTEXT: Any = None  # nobody looks at it


def health_of(health: Health, bound: int = 10) -> GrpcHealth:
    return GrpcHealth(health, ["a.Service"], StreamsBound(bound))


async def test_the_state_follows_the_process() -> None:
    health = Health()
    asked = health_of(health)
    seen = []
    for phase in (None, Phase.SERVING, Phase.STOPPING):
        if phase is not None:
            health.phase = phase
        seen.append((await asked.check(HealthCheckRequest(service="a.Service"), CONTEXT)).status)
    assert seen == [Serving.NOT_SERVING, Serving.SERVING, Serving.NOT_SERVING]


async def test_a_failing_check_is_not_serving() -> None:
    async def fails() -> bool:
        return False

    health = Health({"store": fails})
    health.phase = Phase.SERVING
    listed = await health_of(health).list(HealthListRequest(), CONTEXT)
    assert {name: each.status for name, each in listed.statuses.items()} == {
        "": Serving.NOT_SERVING,
        "a.Service": Serving.NOT_SERVING,
    }


async def test_a_watcher_hears_of_each_change_and_of_the_end() -> None:
    health = Health()
    watching = health_of(health).watch(HealthCheckRequest(), CONTEXT)
    seen = [(await anext(watching)).status]
    health.phase = Phase.SERVING
    seen.append((await anext(watching)).status)
    health.phase = Phase.STOPPING  # while the watcher is busy with the last one
    async with asyncio.timeout(10):
        seen += [each.status async for each in watching]
    assert seen == [Serving.NOT_SERVING, Serving.SERVING, Serving.NOT_SERVING]


async def test_watchers_beyond_the_bound_are_refused_and_make_room_when_they_leave() -> None:
    health = Health()
    asked = health_of(health, bound=2)
    first, second, third = (asked.watch(HealthCheckRequest(), CONTEXT) for _ in range(3))
    await anext(first)
    await anext(second)
    with pytest.raises(ConnectError) as caught:
        await anext(third)
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    await first.aclose()  # type: ignore[attr-defined]  # a generator
    assert (await anext(asked.watch(HealthCheckRequest(), CONTEXT))).status is Serving.NOT_SERVING


def test_a_place_is_given_back_whatever_happens() -> None:
    bound = StreamsBound(1)
    for _ in range(3):
        with suppress(ValueError), bound.one():
            raise ValueError
    assert bound.open == 0
