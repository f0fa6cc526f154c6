"""Tasks that take their first step where they are made.

Most requests are answered without waiting for anything. A task that is started the usual way costs such a request a
turn of the event loop; a coroutine that is stepped without a task breaks whatever asks for the current one
(`asyncio.timeout`, the watch for clients that leave).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

import uvloop

Body = Coroutine[Any, Any, None]  # Any: what passes between a coroutine and the loop
NAME = "request"  # one for all: numbering them would cost each a new text


class _SteppingLoop(uvloop.Loop):
    """A loop that can hand the first step of a new task to its maker instead of queueing it.

    Tasks before Python 3.12 know no `eager_start`: the constructor calls `call_soon` of its loop with the first step.
    While one is made here, that name stands for a function that keeps the step.
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[tuple[Callable[[], object], Context]] = []
        self._keep = self._steps_append()

    def _steps_append(self) -> Callable[..., None]:
        steps = self._steps

        def keep(step: Callable[[], object], *, context: Context) -> None:
            steps.append((step, context))

        return keep

    def start(self, body: Body, context: Context) -> asyncio.Task[None]:
        """Make a task and take its first step. Only outside of any other task."""
        self.call_soon = self._keep  # type: ignore[assignment]  # for this one call
        try:
            task = asyncio.Task(body, loop=self, name=NAME, context=context)
        finally:
            del self.call_soon
        step, own = self._steps.pop()
        own.run(step)
        return task


if sys.version_info >= (3, 12):

    def new_event_loop() -> asyncio.AbstractEventLoop:
        """Return the loop that workers run on."""
        return uvloop.new_event_loop()

    def start(body: Body, loop: asyncio.AbstractEventLoop, context: Context) -> asyncio.Task[None]:
        """Run a coroutine as a task of its own in that context; it has taken its first step when this returns."""
        return asyncio.Task(body, loop=loop, name=NAME, context=context, eager_start=True)

else:

    def new_event_loop() -> asyncio.AbstractEventLoop:
        """Return the loop that workers run on."""
        return _SteppingLoop()

    def start(body: Body, loop: asyncio.AbstractEventLoop, context: Context) -> asyncio.Task[None]:
        """Run a coroutine as a task of its own in that context.

        On a loop of `new_event_loop` and outside of another task it has taken its first step when this returns.
        """
        if isinstance(loop, _SteppingLoop) and asyncio.current_task(loop) is None:
            return loop.start(body, context)
        return asyncio.Task(body, loop=loop, name=NAME, context=context)
