"""Noticing that the client has left while its request is being worked on."""

from __future__ import annotations

import asyncio

from unkey_api.rpc.asgi import Receive


class DisconnectWatch:
    """Cancel the current task when the client hangs up. Costs a task of its own."""

    __slots__ = ("_cancelling", "_left", "_owner", "_receive", "_watcher")

    def __init__(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        owner = asyncio.current_task(loop)
        if owner is None:
            msg = "a watch needs a task to cancel"
            raise RuntimeError(msg)
        self._receive = receive
        self._owner = owner
        self._cancelling = owner.cancelling()
        self._left = False
        self._watcher: asyncio.Task[None] | None = loop.create_task(self._watch(), name="disconnect-watch")

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._owner.cancel()

    def claim(self) -> bool:
        """Return whether the cancellation just caught is this watch's own, and take it off the task if so."""
        return self._left and self._owner.uncancel() <= self._cancelling

    def stop(self) -> None:
        """Stop watching. Safe to call at any time."""
        if self._watcher is not None:
            self._watcher.cancel()
            # The task keeps its cancellation, whose traceback leads here. As a cycle, everything the request held
            # would stay until the garbage collector comes, which takes milliseconds by then.
            self._watcher = None
