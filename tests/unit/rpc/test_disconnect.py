"""Watching for a client that leaves: what it does, and that nothing of the request stays behind."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from unkey_api.rpc.interceptors.guard import DisconnectWatch


class Client:
    """The receiving end of a request."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:  # Any: an ASGI event
        await self.left.wait()
        return {"type": "http.disconnect"}


async def test_a_client_that_leaves_cancels_the_task_of_its_request() -> None:
    client = Client()

    async def request() -> bool:
        watch = DisconnectWatch(client.receive)
        try:
            client.left.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return watch.claim()
        finally:
            watch.stop()
        return False

    assert await asyncio.create_task(request())


async def test_a_cancellation_by_somebody_else_is_not_claimed() -> None:
    watches: list[DisconnectWatch] = []

    async def request() -> None:
        watch = DisconnectWatch(Client().receive)
        watches.append(watch)
        try:
            await asyncio.Event().wait()
        finally:
            watch.stop()

    task = asyncio.create_task(request())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not watches[0].claim()


async def test_what_a_request_held_goes_with_it_and_not_with_the_next_garbage_collection() -> None:
    """Thousands of requests a second would pile up and stop the worker for milliseconds when they are collected."""
    client = Client()
    held = weakref.ref(client)

    async def request(client: Client) -> None:
        watch = DisconnectWatch(client.receive)
        await asyncio.sleep(0)
        watch.stop()

    gc.disable()
    try:
        running = asyncio.create_task(request(client))
        del client
        await running
        del running
        for _ in range(3):
            await asyncio.sleep(0)
        assert held() is None
    finally:
        gc.enable()
