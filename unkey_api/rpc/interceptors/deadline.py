"""A request is given one minute, and less when the process stops."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import timedelta

from unkey_api.core.errors import ErrorCode, ServiceUnavailable
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import current_exchange
from unkey_api.rpc.first_step import FirstStep
from unkey_api.rpc.method import AnyMessage, Call, Context


class Deadline:
    """Cancel the rest of the chain when the time is up and answer 408. One for all calls of a process.

    Only a call that fails after its deadline is a time-out: one that succeeds late still succeeds. Most calls never
    wait for anything and need no timer.
    """

    def __init__(self, limit: timedelta) -> None:
        self._seconds = limit.total_seconds()
        # A loop keeps a cancelled timer until its time has come, and the timer its context, which is the request's.
        self._context = contextvars.Context()
        self._waiting: set[_Timer] = set()

    def stop(self) -> None:
        """End what still waits, as unavailable: an answer now is better than none at the end of the process."""
        for timer in list(self._waiting):
            timer.stop()

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain."""
        step = FirstStep(call_next(request, ctx))
        if step.finished:
            return step.value
        timer = _Timer(self._seconds, self._context)
        self._waiting.add(timer)
        try:
            return await step
        except asyncio.CancelledError as err:
            if not timer.expired or timer.task.uncancel() > timer.cancelling:
                raise
            raise timer.failure() from err
        except Exception as err:
            if timer.expired:
                raise timer.failure() from err
            raise
        finally:
            self._waiting.discard(timer)
            timer.disarm()


class _Timer:
    """Cancels the current task once, that many seconds from now or when the process stops before."""

    __slots__ = ("_handle", "_stopped", "cancelling", "expired", "task")

    def __init__(self, seconds: float, context: contextvars.Context) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            msg = "a deadline needs a task to cancel"
            raise RuntimeError(msg)
        self.task = task
        self.cancelling = task.cancelling()
        self.expired = False
        self._stopped = False
        self._handle = loop.call_later(seconds, self._fire, context=context)

    def disarm(self) -> None:
        self._handle.cancel()

    def stop(self) -> None:
        if not self.expired:
            self._stopped = True
            self.disarm()
            self._fire()

    def failure(self) -> Fault | ServiceUnavailable:
        if self._stopped:
            return ServiceUnavailable("The service is restarting. Try again.", internal="stopped before it was done")
        return _timed_out()

    def _fire(self) -> None:
        self.expired = True
        self.task.cancel()


def _timed_out() -> Fault:
    return Fault(
        ErrorCode.USER_BAD_REQUEST_REQUEST_TIMEOUT, "Request timeout", request_id=current_exchange().request_id
    )
